import { SvelteSet } from "svelte/reactivity";
import { asProblem } from "../shared/api.ts";
import { soundLook } from "../shared/sound.ts";
import type { Money } from "../shared/types.ts";
import { KioskConnection, type Command, type Commands } from "./connection.svelte.ts";

/** Something that the shopper should know of, in both languages. */
export interface Told {
  readonly zh: string;
  readonly en: string;
}

const STAY_EVERY_MS = 10_000;

/** These never wait for another command, which may itself wait for a bank: a person, more time, a way back. */
const AT_ONCE: ReadonlySet<Command> = new Set<Command>(["help", "stay", "language", "cancel"]);

/** What the screen keeps beside the kiosk's own state: what is being asked of it, and what it refused. */
export class Page {
  readonly connection = new KioskConnection();
  /** The command under way that the next one waits for, or is not taken during. */
  working = $state<Command | null>(null);
  readonly #aside = new SvelteSet<Command>();
  #turn: Promise<unknown> = Promise.resolve();
  refused = $state.raw<Told | null>(null);
  /** The part of what is due that the next tender pays; null for all of it. */
  part = $state.raw<Money | null>(null);
  /** How often somebody has gone back from a tender. */
  #cancelled = 0;
  #stayed_ms = Number.NEGATIVE_INFINITY;

  /** Whether anything that was asked for is still to be answered: a command, or any. */
  asking(command?: Command): boolean {
    if (command === undefined) return this.working !== null || this.#aside.size > 0;
    return this.working === command || this.#aside.has(command);
  }

  /**
   * Sends a command and keeps its refusal to be shown. Answers whether it was taken. A button that is pressed while
   * another command is under way does nothing; a code that is scanned meanwhile takes its turn, for it can't be seen
   * that it was lost, unless its shopper has turned back or left by then; what must not wait goes out at once.
   */
  async ask<C extends Command>(
    command: C,
    ...body: Commands[C] extends undefined ? [] : [Commands[C]]
  ): Promise<boolean> {
    if (command === "cancel") this.#cancelled += 1;
    if (AT_ONCE.has(command)) {
      if (this.#aside.has(command)) return false;
      this.#aside.add(command);
      try {
        return await this.#send(command, ...body);
      } finally {
        this.#aside.delete(command);
      }
    }
    if (command === "code" && !(await this.#waitTurn())) return false;
    if (this.working !== null) return false;
    this.working = command;
    const sending = this.#send(command, ...body).finally(() => (this.working = null));
    this.#turn = sending;
    return await sending;
  }

  /**
   * Waits until no other command is under way. Answers whether the code is still meant: not once its shopper cancelled
   * what it was scanned for (it may be a wallet's, and would pay), nor for the order of somebody else.
   */
  async #waitTurn(): Promise<boolean> {
    const cancelled = this.#cancelled;
    const order = this.#orderNow();
    while (this.working !== null) await this.#turn;
    return cancelled === this.#cancelled && (order === null || order === this.#orderNow());
  }

  /** The number of the order on the screen; null where there is none, or where its shopper is about to leave it. */
  #orderNow(): string | null {
    if (this.working === "done" || this.working === "give-back") return null;
    return this.connection.current?.order?.number ?? null;
  }

  async #send<C extends Command>(
    command: C,
    ...body: Commands[C] extends undefined ? [] : [Commands[C]]
  ): Promise<boolean> {
    this.refused = null;
    try {
      await this.connection.send(command, ...body);
      return true;
    } catch (error) {
      const { zh, en } = asProblem(error);
      this.refused = { zh, en };
      soundLook();
      return false;
    }
  }

  /** Pays with a method: the part that was chosen, or all. */
  async pay(method: string, instrument?: string): Promise<boolean> {
    const amount = this.part === null ? {} : { amount_minor: this.part.amount_minor };
    const paid = await this.ask("pay", { method, ...amount, ...(instrument === undefined ? {} : { instrument }) });
    if (paid) this.part = null;
    return paid;
  }

  /** Somebody touches the screen or types: the kiosk hears of it now and then, so that it doesn't ask needlessly. */
  touched(now_ms: number): void {
    const phase = this.connection.current?.phase;
    const idle = phase === undefined || phase === "welcome" || phase === "out_of_service";
    if (idle || now_ms - this.#stayed_ms < STAY_EVERY_MS) return;
    this.#stayed_ms = now_ms;
    this.connection.send("stay").catch(() => undefined); // the kiosk asks on its screen if it did not hear this
  }

  /** A new step: what was said of the last one no longer matters. */
  turn(): void {
    this.part = null;
    this.refused = null;
  }
}

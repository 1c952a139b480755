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

/** What the screen keeps beside the kiosk's own state: what is being asked of it, and what it refused. */
export class Page {
  readonly connection = new KioskConnection();
  /** The command under way: no second one goes out meanwhile. */
  working = $state<Command | null>(null);
  refused = $state.raw<Told | null>(null);
  /** The part of what is due that the next tender pays; null for all of it. */
  part = $state.raw<Money | null>(null);
  #stayed_ms = Number.NEGATIVE_INFINITY;

  /** Sends a command and keeps its refusal to be shown. Answers whether it was taken. */
  async ask<C extends Command>(
    command: C,
    ...body: Commands[C] extends undefined ? [] : [Commands[C]]
  ): Promise<boolean> {
    if (this.working !== null) return false;
    this.working = command;
    this.refused = null;
    try {
      await this.connection.send(command, ...body);
      return true;
    } catch (error) {
      const { zh, en } = asProblem(error);
      this.refused = { zh, en };
      soundLook();
      return false;
    } finally {
      this.working = null;
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

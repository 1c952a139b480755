import { listen } from "../shared/events.ts";
import { request } from "../shared/api.ts";
import type { KioskState } from "../shared/types.ts";

/** How long the last picture stays when the kiosk's own process stops answering: a restart takes less. */
const PATIENCE_MS = 5_000;

/** A tender may wait for a bank or a card terminal before it is answered. */
const COMMAND_TIMEOUT_MS = 30_000;

/** `connecting` before the first answer; `lost` once the kiosk has been silent for longer than a restart takes. */
export type Link = "connecting" | "live" | "lost";

/** The commands of `docs/protocols/http.md`, "The kiosk's own process", and what each takes. */
export interface Commands {
  code: { readonly code: string };
  pay: { readonly method: string; readonly amount_minor?: number; readonly instrument?: string };
  cancel: undefined;
  "give-back": undefined;
  "remove-coupon": { readonly id: string };
  language: { readonly language: "zh" | "en" };
  stay: undefined;
  receipt: undefined;
  help: undefined;
  done: undefined;
}
export type Command = keyof Commands;

/**
 * The kiosk's state as its own process tells it, kept up to date over server-sent events and read again after each
 * reconnect. All addresses are relative: the page may be mounted under any prefix.
 */
export class KioskConnection {
  current = $state.raw<KioskState | null>(null);
  link = $state<Link>("connecting");
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Listens until the returned function is called. */
  start(): () => void {
    this.#wait();
    const stop = listen({
      url: "./events",
      onEvent: ({ event, data }) => {
        if (event === "state") this.#take(data as KioskState, false);
      },
      onConnect: () => void this.#read(),
      onDisconnect: () => this.#wait(),
    });
    return () => {
      this.#heard();
      stop();
    };
  }

  /** Does what the shopper asks for and takes the state that it leads to. Throws a `Problem`. */
  async send<C extends Command>(
    command: C,
    ...body: Commands[C] extends undefined ? [] : [Commands[C]]
  ): Promise<void> {
    const options = body[0] === undefined ? {} : { body: body[0] };
    const timeout_ms = COMMAND_TIMEOUT_MS;
    this.#take(await request<KioskState>(`./${command}`, { method: "POST", timeout_ms, ...options }), true);
  }

  /** From the first failure on, not from the latest: every further attempt fails too. */
  #wait(): void {
    this.#timer ??= setTimeout(() => (this.link = "lost"), PATIENCE_MS);
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(): Promise<void> {
    try {
      this.#take(await request<KioskState>("./state"), true);
    } catch {
      // The events that follow bring the state too; a kiosk that is really gone ends the connection.
    }
  }

  /** An answer that was overtaken by an event is older: `seq` tells. After a restart the kiosk counts anew. */
  #take(state: KioskState, answered: boolean): void {
    this.#heard();
    const overtaken = answered && this.link === "live" && this.current !== null && state.seq < this.current.seq;
    this.link = "live";
    if (!overtaken) this.current = state;
  }
}

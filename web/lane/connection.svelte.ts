import { listen } from "../shared/events.ts";
import { request } from "../shared/api.ts";
import type { LaneState } from "../shared/types.ts";

/** How long the last picture stays when the lane's own process stops answering: a restart takes less. */
const PATIENCE_MS = 5_000;

/** `connecting` before the first answer; `lost` once the lane has been silent for longer than a restart takes. */
export type Link = "connecting" | "live" | "lost";

/**
 * The lane's state as its own process tells it, kept up to date over server-sent events and read again after each
 * reconnect. All addresses are relative: the page may be mounted under any prefix.
 */
export class LaneConnection {
  current = $state.raw<LaneState | null>(null);
  link = $state<Link>("connecting");
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Listens until the returned function is called. */
  start(): () => void {
    this.#wait();
    const stop = listen({
      url: "./events",
      onEvent: ({ event, data }) => {
        if (event === "state") this.#take(data as LaneState, false);
      },
      onConnect: () => void this.#read(),
      onDisconnect: () => this.#wait(),
    });
    return () => {
      this.#heard();
      stop();
    };
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
      this.#take(await request<LaneState>("./state"), true);
    } catch {
      // The events that follow bring the state too; a lane that is really gone ends the connection.
    }
  }

  /** An answer that was overtaken by an event is older: `seq` tells. After a restart the lane counts anew. */
  #take(state: LaneState, answered: boolean): void {
    this.#heard();
    const overtaken = answered && this.link === "live" && this.current !== null && state.seq < this.current.seq;
    this.link = "live";
    if (!overtaken) this.current = state;
  }
}

/** A pass or an order number, read by the camera or typed. */
export function sendCode(code: string): Promise<unknown> {
  return request("./code", { method: "POST", body: { code } });
}

export function callHelp(): Promise<unknown> {
  return request("./help", { method: "POST" });
}

/** What lies there is a part of the goods; the rest comes afterwards. */
export function moreToCome(): Promise<unknown> {
  return request("./more", { method: "POST" });
}

export function printReceipt(): Promise<unknown> {
  return request("./receipt", { method: "POST" });
}

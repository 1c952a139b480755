import { asProblem, type Problem } from "../shared/api.ts";

/** Reads something again and again while its page is looked at; each reading waits for the one before. */
export class Poll<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  readonly #read: () => Promise<T>;
  readonly #every_ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #turn = 0;

  constructor(read: () => Promise<T>, every_ms: number) {
    this.#read = read;
    this.#every_ms = every_ms;
  }

  /** Polls until the returned function is called. */
  start(): () => void {
    const onVisible = () => {
      if (document.visibilityState === "visible") void this.now();
    };
    document.addEventListener("visibilitychange", onVisible);
    void this.now();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }

  /** Takes an answer that came another way, such as that of a change. A reading under way is older than it. */
  take(value: T): void {
    this.#turn += 1;
    this.value = value;
    this.problem = null;
    this.#later();
  }

  async now(): Promise<void> {
    const turn = (this.#turn += 1);
    clearTimeout(this.#timer);
    try {
      if (document.visibilityState === "visible") {
        const value = await this.#read();
        if (turn !== this.#turn) return;
        this.value = value;
        this.problem = null;
      }
    } catch (error) {
      if (turn === this.#turn) this.problem = asProblem(error);
    }
    if (turn === this.#turn) this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.now(), this.#every_ms);
  }
}

/**
 * Sends what was said last, one request at a time: what is said while one is under way waits, and takes the place of
 * what waited before. So the last one counts, in whatever order answers come.
 */
export class LastCounts<T> {
  #waiting: { readonly said: T } | null = null;
  #sending = false;
  readonly #send: (said: T) => Promise<void>;

  constructor(send: (said: T) => Promise<void>) {
    this.#send = send;
  }

  /** True once all is sent; null where an earlier call does that. Throws what the last one met. */
  async say(said: T): Promise<true | null> {
    this.#waiting = { said };
    if (this.#sending) return null;
    this.#sending = true;
    try {
      while (this.#waiting !== null) {
        const now: { readonly said: T } = this.#waiting;
        this.#waiting = null;
        try {
          await this.#send(now.said);
        } catch (error) {
          // Something else has been said meanwhile: that is what counts.
          if (this.#waiting === null) throw error;
        }
      }
      return true;
    } finally {
      this.#sending = false;
    }
  }
}

/** One reading at a time; what is asked for meanwhile makes one more, whose answer those who asked wait for. */
export function oneAtATime(read: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let is_wanted = false;

  async function run(): Promise<void> {
    try {
      while (is_wanted) {
        is_wanted = false;
        await read();
      }
    } finally {
      running = null;
    }
  }

  return () => {
    is_wanted = true;
    running ??= run();
    return running;
  };
}

/** Readings beside changes of one's own: what was read before a change, or while it is made, tells of a past. */
export class Readings {
  #changing = 0;
  #changes = 0;

  /** What is read; null where a change came between, so that it says nothing of now. */
  async read<T>(read: () => Promise<T>): Promise<T | null> {
    const before = this.#changes;
    const found = await read();
    return this.#changing === 0 && before === this.#changes ? found : null;
  }

  async change<T>(change: () => Promise<T>): Promise<T> {
    this.#changing += 1;
    try {
      return await change();
    } finally {
      this.#changing -= 1;
      this.#changes += 1;
    }
  }
}

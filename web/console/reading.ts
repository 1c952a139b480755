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

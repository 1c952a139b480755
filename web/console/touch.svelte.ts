import { tellProblem } from "../shared/telling.ts";

/** What one touch asks of the server: once at a time, and told where it could not be done. */
export class Touch {
  busy = $state(false);

  async ask(work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await work();
    } catch (error) {
      tellProblem(error);
    } finally {
      this.busy = false;
    }
  }
}

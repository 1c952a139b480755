import { uuid } from "../../shared/uuid.ts";

/**
 * One action that must happen once, however often it has to be sent. While nobody knows whether it arrived, it can only
 * be sent again as it was, or be forgotten.
 */
export class Once<Body extends object> {
  #held: (Body & { readonly id: string }) | null = null;

  /** What to send: the action that is under way, else this one, with an id of its own. */
  begin(body: Body): Body & { readonly id: string } {
    this.#held ??= { ...body, id: uuid() };
    return this.#held;
  }

  /** Whether an id of the server's, which writes them without hyphens, is the one that was sent. */
  is(id: string): boolean {
    return this.#held?.id.replaceAll("-", "") === id.replaceAll("-", "");
  }

  /** The server has answered, for good: the next action is a new one. */
  settled(): void {
    this.#held = null;
  }
}

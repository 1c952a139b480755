import type { Language } from "../shared/language.svelte.ts";

/**
 * Speaks the lane's prompts from its recordings (`./voice/{zh|en}/{prompt}.wav`), one language after the other.
 * A new prompt cuts the old one short: what it said is no longer so.
 */
export class Voice {
  #audio: HTMLAudioElement | null = null;
  #turn = 0;
  #blocked: string | null = null;
  readonly #languages: readonly Language[];
  readonly #onBlocked: (blocked: boolean) => void;

  constructor(languages: readonly Language[], onBlocked: (blocked: boolean) => void) {
    this.#languages = languages;
    this.#onBlocked = onBlocked;
  }

  async say(prompt: string): Promise<void> {
    this.stop();
    const turn = this.#turn;
    for (const language of this.#languages) {
      if (turn !== this.#turn) return;
      const audio = (this.#audio = new Audio(`./voice/${language}/${encodeURIComponent(prompt)}.wav`));
      try {
        await ended(audio);
      } catch (error) {
        // A browser that was never touched refuses; a recording that is missing only leaves its language out.
        if (!(error instanceof DOMException && error.name === "NotAllowedError")) continue;
        if (turn === this.#turn) this.#blocked = prompt;
        this.#onBlocked(true);
        return;
      }
    }
  }

  stop(): void {
    this.#turn += 1;
    this.#blocked = null;
    this.#audio?.pause();
    this.#audio = null;
  }

  /** Call from a touch: says what the browser did not let be said, if it still holds. */
  unlock(): void {
    const prompt = this.#blocked;
    this.#onBlocked(false);
    if (prompt !== null) void this.say(prompt);
  }
}

function ended(audio: HTMLAudioElement): Promise<void> {
  return new Promise((resolve, reject) => {
    audio.addEventListener("ended", () => resolve(), { once: true });
    audio.addEventListener("pause", () => resolve(), { once: true });
    audio.addEventListener("error", () => reject(new Error(`no recording at ${audio.src}`)), { once: true });
    audio.play().catch(reject);
  });
}

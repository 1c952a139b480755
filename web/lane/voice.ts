import type { Language } from "../shared/language.svelte.ts";
import { fallSilent, sayAloud } from "../shared/words-aloud.ts";

/** A prompt to say, by its recording, and the product to name after it, in the browser's own voice. */
export interface Said {
  readonly voice: string;
  readonly named: { readonly zh: string; readonly en: string } | null;
}

/**
 * Speaks the lane's prompts from its recordings (`./voice/{zh|en}/{prompt}.wav`), one language after the other.
 * A new prompt cuts the old one short: what it said is no longer so.
 */
export class Voice {
  #audio: HTMLAudioElement | null = null;
  #turn = 0;
  #blocked: Said | null = null;
  readonly #languages: readonly Language[];
  readonly #onBlocked: (blocked: boolean) => void;

  constructor(languages: readonly Language[], onBlocked: (blocked: boolean) => void) {
    this.#languages = languages;
    this.#onBlocked = onBlocked;
  }

  async say(said: Said): Promise<void> {
    this.stop();
    const turn = this.#turn;
    for (const language of this.#languages) {
      if (turn !== this.#turn) return;
      const audio = (this.#audio = new Audio(`./voice/${language}/${encodeURIComponent(said.voice)}.wav`));
      try {
        await ended(audio);
        if (turn === this.#turn && said.named) await sayAloud(language, said.named[language]);
      } catch (error) {
        // A browser that was never touched refuses; a recording that is missing only leaves its language out.
        if (!(error instanceof DOMException && error.name === "NotAllowedError")) continue;
        if (turn === this.#turn) this.#blocked = said;
        this.#onBlocked(true);
        return;
      }
    }
  }

  stop(): void {
    this.#turn += 1;
    this.#blocked = null;
    this.#audio?.pause();
    fallSilent();
    this.#audio = null;
  }

  /** Call from a touch: says what the browser did not let be said, if it still holds. */
  unlock(): void {
    const said = this.#blocked;
    this.#onBlocked(false);
    if (said !== null) void this.say(said);
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

import type { Language } from "../shared/language.svelte.ts";
import { fallSilent, sayAloud } from "../shared/words-aloud.ts";

/**
 * Says a step aloud: the recording of its prompt (`./voice/{zh|en}/{id}.wav`), then amounts and the like in the
 * browser's own voice where the kiosk has one for the language. What is said next cuts short what was said before.
 */
export class Speech {
  #audio: HTMLAudioElement | null = null;
  #turn = 0;

  /** Whether a recording is being played. */
  get busy(): boolean {
    return this.#audio !== null && !this.#audio.ended && !this.#audio.paused;
  }

  /** `prompt` is said in the browser's voice where there is no recording of it. */
  async say(language: Language, recording: string | null, prompt: string, details: string): Promise<void> {
    this.stop();
    const turn = this.#turn;
    const recorded = recording !== null && (await this.#play(language, recording));
    if (turn === this.#turn) this.words(language, recorded ? details : `${prompt} ${details}`);
  }

  /** Words in the browser's own voice; silence where it has none for the language. */
  words(language: Language, text: string): void {
    void sayAloud(language, text);
  }

  stop(): void {
    this.#turn += 1;
    this.#audio?.pause();
    this.#audio = null;
    fallSilent();
  }

  /** Whether the recording was heard to its end. A missing one is no fault: the words stand on the screen too. */
  async #play(language: Language, recording: string): Promise<boolean> {
    const audio = (this.#audio = new Audio(`./voice/${language}/${encodeURIComponent(recording)}.wav`));
    return new Promise((resolve) => {
      audio.addEventListener("ended", () => resolve(true), { once: true });
      audio.addEventListener("pause", () => resolve(true), { once: true });
      audio.addEventListener("error", () => resolve(false), { once: true });
      audio.play().catch(() => resolve(false));
    });
  }
}

/** What a control is called, as far as a voice needs it. */
export function calledOf(control: Element): string {
  return (control.getAttribute("aria-label") ?? control.textContent ?? "").replace(/\s+/g, " ").trim();
}

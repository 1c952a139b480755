import { LOCALES, type Language } from "./language.svelte.ts";

/** Says words in the browser's own voice and resolves when they are said; silence where it has none for the language. */
export function sayAloud(language: Language, text: string): Promise<void> {
  if (!("speechSynthesis" in globalThis) || text.trim() === "") return Promise.resolve();
  const voice = speechSynthesis.getVoices().find(({ lang }) => lang.toLowerCase().startsWith(language));
  if (voice === undefined) return Promise.resolve();
  speechSynthesis.cancel();
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.voice = voice;
  utterance.lang = LOCALES[language];
  return new Promise((resolve) => {
    utterance.addEventListener("end", () => resolve(), { once: true });
    utterance.addEventListener("error", () => resolve(), { once: true });
    speechSynthesis.speak(utterance);
  });
}

/** Whatever is being said in the browser's own voice ends. */
export function fallSilent(): void {
  if ("speechSynthesis" in globalThis) speechSynthesis.cancel();
}

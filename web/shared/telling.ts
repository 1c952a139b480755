import { asProblem } from "./api.ts";
import { inLanguage } from "./language.svelte.ts";
import { notify } from "./notices.svelte.ts";
import { soundLook } from "./sound.ts";

/** Tells that something could not be done, and why: by the low tone, on the screen and to screen readers. */
export function tellProblem(error: unknown): void {
  soundLook();
  notify({ kind: "look", text: inLanguage(asProblem(error)) });
}

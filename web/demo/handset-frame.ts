/** What the demo does with the real handset in a frame beside it: it is a hand scanner, and it looks at its screen. */

/** The prefix under which the handset keeps a visit; an absent trip means that nobody has pressed “Start”. */
const KEPT = "unqueue.handset.";

export type HandsetMood = "not_started" | "shopping" | "submitted";

/** How far the visit on this browser's handset is. */
export function handsetMood(): HandsetMood {
  if (localStorage.getItem(`${KEPT}trip`) === null) return "not_started";
  return localStorage.getItem(`${KEPT}order`) === null ? "shopping" : "submitted";
}

/**
 * Sends a code into the frame as a keyboard wedge does: a key down and up for each character, then Enter.
 *
 * All events are made before the first is sent: an event's time is when it was made, so a page that is busy with one
 * key can't stretch the burst to a person's typing.
 */
export function wedge(frame: HTMLIFrameElement, code: string): void {
  const view = frame.contentWindow as (Window & typeof globalThis) | null;
  const page = frame.contentDocument;
  if (view === null || page === null) return;
  // The events are of the frame's own kind, so that their time is counted on the frame's clock.
  const events = [...code, "Enter"].flatMap((key) =>
    ["keydown", "keyup"].map((type) => new view.KeyboardEvent(type, { key, bubbles: true, cancelable: true })),
  );
  for (const event of events) page.dispatchEvent(event);
}

/** What the order's QR on the handset's screen says, or null while it shows none. */
export function orderOn(frame: HTMLIFrameElement | undefined): string | null {
  const shown = frame?.contentDocument?.querySelector<HTMLElement>(".order [data-code*='/o/']");
  return shown?.dataset["code"] ?? null;
}

/** The code of the exit pass on the handset's screen, or null while it shows none. */
export function passOn(frame: HTMLIFrameElement | undefined): string | null {
  const shown = frame?.contentDocument?.querySelector<HTMLElement>(".pass [data-code]");
  return shown?.dataset["code"] ?? null;
}

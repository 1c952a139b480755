/** A short message over the screen: what happened, and at most one thing to do about it. */
export interface Notice {
  readonly id: number;
  readonly kind: "done" | "look" | "stop";
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const STAYS_MS = 6_000;

let next = 1;
let notices = $state<Notice[]>([]);
let polite = $state("");
let assertive = $state("");

/** Shows a notice for six seconds (`stays_ms` for longer or shorter) and has screen readers say it. */
export function notify(notice: Omit<Notice, "id">, stays_ms: number = STAYS_MS): number {
  const id = next++;
  // Two at a time are all that a hurried reader takes in.
  notices = [...notices.slice(-1), { ...notice, id }];
  announce(notice.text, notice.kind !== "done");
  setTimeout(() => dismiss(id), stays_ms);
  return id;
}

export function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id);
}

/** Forgets all of it, at the end of a visit. */
export function clearNotices(): void {
  notices = [];
  polite = assertive = "";
}

/** Has screen readers say a text without showing it; `urgent` interrupts what they are saying. */
export function announce(text: string, urgent = false): void {
  // The same text again is no change of the page, so it would be silent without a mark that readers don't say.
  const said = (before: string) => (before === text ? `${text}\u00a0` : text);
  if (urgent) assertive = said(assertive);
  else polite = said(polite);
}

/** Nothing is urgent any more: a screen reader that comes by later does not find what is over. */
export function hush(): void {
  assertive = "";
}

/** For `Notices.svelte`. */
export const shown = {
  get notices(): readonly Notice[] {
    return notices;
  },
  get polite(): string {
    return polite;
  },
  get assertive(): string {
    return assertive;
  },
};

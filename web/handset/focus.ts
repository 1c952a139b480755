/**
 * Moves the focus to the heading of a screen that has just come, so that a screen reader starts there. Not at the
 * first screen of the page: the browser's own start is right there.
 */
let first = true;

export function focusOnEntry(heading: HTMLElement): void {
  if (!first) heading.focus({ preventScroll: true });
  first = false;
}

/** Keeps notices above a screen's bottom bar, so that they never cover the total or the one action. */
export function noticesAbove(bar: HTMLElement): { destroy(): void } {
  const { style } = document.documentElement;
  const observer = new ResizeObserver(() => style.setProperty("--notices-bottom", `${bar.offsetHeight + 8}px`));
  observer.observe(bar);
  return {
    destroy() {
      observer.disconnect();
      style.removeProperty("--notices-bottom");
    },
  };
}

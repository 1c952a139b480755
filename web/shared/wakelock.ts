/**
 * Keeps the screen lit while a code is shown. A web page can't set the brightness; a lit, white screen is what it can
 * do. The browser lets go when the page is hidden, so it is asked again when the page comes back.
 */
export function keepScreenLit(): () => void {
  let lock: WakeLockSentinel | null = null;
  let stopped = false;

  async function ask(): Promise<void> {
    if (stopped || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (stopped) void lock.release();
    } catch {
      // Refused when the battery is low: the code is shown all the same.
    }
  }

  const onVisible = () => void ask();
  document.addEventListener("visibilitychange", onVisible);
  void ask();
  return () => {
    stopped = true;
    document.removeEventListener("visibilitychange", onVisible);
    void lock?.release();
  };
}

import type { Session } from "./api.ts";

// Kept for this tab only: a console that is closed is signed out.
const KEY = "unqueue.console.session";

function kept(): Session | null {
  try {
    const read = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Session> | null;
    return read?.token && read.name ? { token: read.token, name: read.name, role: read.role ?? "" } : null;
  } catch {
    return null;
  }
}

let current = $state.raw<Session | null>(kept());
let ended = $state(false);

/** Who is signed in at this console. */
export const session = {
  get current(): Session | null {
    return current;
  },
  /** Whether the last session ended without anybody signing out. */
  get ended(): boolean {
    return ended;
  },
  begin(started: Session): void {
    sessionStorage.setItem(KEY, JSON.stringify(started));
    current = started;
    ended = false;
  },
  end(by_itself: boolean): void {
    sessionStorage.removeItem(KEY);
    current = null;
    ended = by_itself;
  },
};

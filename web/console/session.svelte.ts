import type { May, Session } from "./api.ts";

// Kept for this tab only: a console that is closed is signed out.
const KEY = "unqueue.console.session";

function kept(): Session | null {
  try {
    const read = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Session> | null;
    return read?.token && read.name
      ? { token: read.token, name: read.name, role: read.role ?? "", may: read.may ?? [], way: read.way ?? "pin" }
      : null;
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
  /** Whether whoever is signed in may do this; the server has the last word. */
  may(what: May): boolean {
    return current?.may.includes(what) ?? false;
  },
  /** A role may have changed since the session began. */
  refresh(now: Omit<Session, "token">): void {
    if (current !== null) session.begin({ ...current, ...now });
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

// Signing in through head office: the browser goes to its page, and comes back here with a code.

import { Problem } from "../../shared/api.ts";
import { messages } from "../../shared/messages.ts";

export interface Leaving {
  readonly url: string;
  readonly state: string;
  readonly binding: string;
}

export interface Returned {
  readonly code: string;
  readonly state: string;
  readonly binding: string;
  readonly iss: string;
}

// For this tab only: what another page or person has begun is none of this tab's business.
const KEY = "unqueue.console.head_office";

/** Goes to head office's page. */
export function leave({ url, state, binding }: Leaving): void {
  sessionStorage.setItem(KEY, JSON.stringify({ state, binding }));
  location.assign(url);
}

/**
 * What head office has sent the browser back with, once; null where it has not. The address forgets it at once, so
 * that nobody reads it there or sends it twice. A `Problem` for a refusal, and for what this tab has not begun.
 */
export function takeReturned(): Returned | null {
  const query = new URLSearchParams(location.search);
  const state = query.get("state");
  if (state === null) return null;
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as { state: string; binding: string } | null;
  sessionStorage.removeItem(KEY);
  history.replaceState(null, "", location.pathname + location.hash);
  const code = query.get("code");
  if (code === null || begun?.state !== state) {
    const { zh, en } = messages["problem.head_office_cancelled"];
    throw new Problem({ code: "head_office_cancelled", zh, en, permanent: false }, 0);
  }
  return { code, state, binding: begun.binding, iss: query.get("iss") ?? "" };
}

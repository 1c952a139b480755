import { Problem, request, type RequestOptions } from "../../shared/api.ts";
import type { Session } from "../api.ts";
import type { Leaving, Returned } from "./headOffice.ts";
import type { Assertion, Creation, CreationOptions, RequestOptionsHere } from "./passkeys.ts";

/** How staff can sign in here besides name and PIN: `docs/protocols/http.md`, “Staff”. */
export interface SignInWays {
  readonly passkey_origin: string | null;
  readonly head_office: { readonly zh: string; readonly en: string } | null;
}

export interface Passkey {
  readonly id: string;
  readonly name: string;
  readonly status: "ready" | "off";
  readonly added_at: string;
  readonly used_at: string | null;
}

const post = <T>(to: string, body?: unknown) =>
  // Head office may be slow, and the server waits for it.
  request<T>(to, { method: "POST", timeout_ms: 20_000, ...(body === undefined ? {} : { body }) });

export const signInApi = {
  ways: () => request<SignInWays>("/api/staff/sign-in"),
  passkeyOptions: () => post<RequestOptionsHere>("/api/staff/sessions/passkey/options"),
  headOffice: () => post<Leaving>("/api/staff/sessions/head-office/options"),
  byHeadOffice: (returned: Returned) => post<Session>("/api/staff/sessions/head-office", returned),
  byPasskey: (answer: Assertion) => post<Session>("/api/staff/sessions/passkey", answer),
};

/** What somebody who is signed in does with the own passkeys. `onEnded` is told when the session is over. */
export function passkeyApi(token: string, onEnded: () => void) {
  async function send<T>(to: string, options: RequestOptions = {}): Promise<T> {
    try {
      return await request<T>(to, { token, ...options });
    } catch (error) {
      if (error instanceof Problem && error.status === 401 && error.code === "not_authenticated") onEnded();
      throw error;
    }
  }
  return {
    list: () => send<Passkey[]>("/api/staff/passkeys"),
    options: () => send<CreationOptions>("/api/staff/passkeys/options", { method: "POST" }),
    add: (name: string, answer: Creation) =>
      send<Passkey>("/api/staff/passkeys", { method: "POST", body: { name, answer } }),
    remove: (id: string) => send<null>(`/api/staff/passkeys/${encodeURIComponent(id)}`, { method: "DELETE" }),
  };
}

export type PasskeyApi = ReturnType<typeof passkeyApi>;

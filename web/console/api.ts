import { request } from "../shared/api.ts";
import type { Call, Money, OrderSummary, Suspect } from "../shared/types.ts";

/** What staff ask of the server: `docs/protocols/http.md`, “Staff”. */
export interface Session {
  readonly token: string;
  readonly name: string;
  readonly role: string;
}

export interface ExitLine {
  readonly line: number;
  readonly product_id: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly quantity: number;
  readonly weight_g_expected: number;
  readonly weight_g_sd: number;
  readonly eas: boolean;
}

export interface Weighing {
  readonly measured_g: number;
  readonly interval_g: number;
  readonly expected_g: number;
  readonly sigma_g: number;
  readonly tolerance_g: number;
  readonly verdict: "pass" | "check";
  readonly suspects: readonly Suspect[];
}

export interface Exit {
  readonly id: string;
  readonly lane: string;
  readonly status: "claimed" | "accepted" | "released" | "left" | "abandoned";
  readonly order: OrderSummary;
  readonly lines: readonly ExitLine[];
  readonly tags: number;
  readonly weighing: Weighing | null;
}

export interface FloorLane {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly seen_at: string | null;
  readonly devices: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
  readonly exit: Exit | null;
}

export interface Floor {
  readonly store: { readonly id: string; readonly name_zh: string; readonly name_en: string };
  readonly lanes: readonly FloorLane[];
  readonly calls: readonly Call[];
  readonly today: {
    readonly trips: number;
    readonly orders: number;
    readonly paid: number;
    readonly exits: number;
    readonly checks: number;
    readonly revenue: Money;
  };
}

export type Action = Call["actions"][number];

export interface Answer {
  readonly id: string;
  readonly action: Action;
  readonly reason: string;
  /** The call's, as it was looked at: 409 `call_changed` when there is something else to see by now. */
  readonly evidence_id: string;
}

export function signIn(name: string, pin: string): Promise<Session> {
  return request<Session>("/api/staff/sessions", { method: "POST", body: { name, pin } });
}

export function staffApi(token: string) {
  return {
    signOut: () => request<null>("/api/staff/sessions/current", { method: "DELETE", token, keepalive: true }),
    floor: () => request<Floor>("/api/staff/floor", { token }),
    answer: (call: string, body: Answer) =>
      request<Call>(`/api/staff/calls/${encodeURIComponent(call)}/answer`, { method: "POST", token, body }),
  };
}

export type StaffApi = ReturnType<typeof staffApi>;

import type { Call, Finding, Money } from "../../shared/types.ts";

/** A call that a person answered, or a gate that was opened by hand: `docs/protocols/http.md`, “Staff”. */
export interface Override {
  readonly id: string;
  readonly at: string;
  readonly kind: Call["kind"] | "gate";
  readonly lane: string;
  readonly order: { readonly id: string; readonly number: string } | null;
  readonly by: string;
  readonly staff_id: string | null;
  readonly action: Call["actions"][number] | "open_gate" | "gate_stayed_shut" | null;
  readonly reason: string | null;
  readonly finding: Finding | null;
  readonly worth: Money | null;
  /** Its number in the journal; null where the journal has none that says the same. */
  readonly event: number | null;
  /** The journal says the same of it, and was not changed there. */
  readonly fits: boolean;
}

/** Those of some days, or of one order; the newest first. */
export interface Overrides {
  readonly first: string | null;
  readonly last: string | null;
  readonly time_zone: string;
  readonly overrides: readonly Override[];
  /** Asks for those before them. */
  readonly next: string | null;
  readonly chain: { readonly events: number; readonly checked: number; readonly broken_at: number | null };
}

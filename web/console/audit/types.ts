import type { Money, OrderSummary } from "../../shared/types.ts";

/** Audits as the server tells staff of them: `docs/protocols/http.md`, “Audits”. */
export interface AuditArticle {
  readonly key: string;
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly weight_g: number | null;
  readonly quantity: number;
  /** Whether this audit counts it. */
  readonly chosen: boolean;
}

export interface Difference {
  readonly key: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly kind: "not_on_order" | "more" | "fewer";
  readonly quantity: number;
  readonly ordered: number;
  readonly counted: number;
  readonly worth: Money;
  /** Found by the way, not among what was to be counted. */
  readonly beside: boolean;
}

/** Both sides: what is there and was not paid, and what was paid and is not there. */
export interface TwoSides {
  readonly differences: readonly Difference[];
  readonly unpaid: Money;
  readonly overpaid: Money;
}

export interface AuditResult extends TwoSides {
  readonly id: string;
  readonly at: string;
  readonly by: string;
}

export interface StaffAudit {
  readonly order: OrderSummary;
  readonly kind: "partial" | "full";
  readonly status: "due" | "clean" | "differences" | "waived";
  readonly reason: { readonly zh: string; readonly en: string };
  readonly articles: readonly AuditArticle[];
  readonly result: AuditResult | null;
}

export interface AuditScan {
  /** Milliseconds of a clock that only goes forward. */
  readonly at_ms: number;
  readonly code?: string;
  readonly article?: string;
  readonly said?: "another" | "same";
}

export interface Seen {
  readonly key: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly weight_g: number | null;
  readonly ordered: number;
  readonly chosen: boolean;
}

export interface Comparison extends TwoSides {
  readonly id: string;
  readonly dropped: readonly number[];
  readonly doubtful: readonly number[];
}

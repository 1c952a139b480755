import type { Money } from "../../shared/types.ts";

/** A share of cases with its 95 % interval; null without a case. */
export interface Share {
  readonly count: number;
  readonly cases: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Times in whole seconds. */
export interface Spread {
  readonly cases: number;
  readonly p50_s: number | null;
  readonly p95_s: number | null;
}

export interface Figures {
  readonly left: number;
  readonly given_up: number;
  readonly weighed: number;
  readonly checks: Share;
  readonly false_alarms: Share;
  readonly unpaid_exits: number;
  readonly unsaid: number;
  readonly called: Share;
  readonly unpaid_minor: number;
  readonly unpaid_cases: number;
  readonly unpaid_unpriced: number;
  readonly audits: number;
  readonly audit_cases: number;
  readonly audit_unpaid_minor: number;
  readonly wait: Spread;
  readonly calls: Spread;
  readonly calls_by_kind: Readonly<Record<string, Spread>>;
  readonly answered: number;
  readonly attended: number;
  readonly attended_s: number;
  readonly attended_s_per_shopper: number | null;
}

/** The figures of some days, the whole and its parts; `by_day` is about `lane` alone where one was asked for. */
export interface FiguresOfDays {
  readonly first: string;
  readonly last: string;
  readonly time_zone: string;
  readonly currency: Money["currency"];
  readonly few_cases: number;
  readonly lane: string | null;
  readonly total: Figures;
  readonly by_lane: readonly { readonly lane: string; readonly figures: Figures }[];
  readonly by_day: readonly { readonly day: string; readonly figures: Figures }[];
}

interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly audits: number;
  /** From so few audits that it is no number to go by. */
  readonly few: boolean;
}

/** What the audits of some days say of all orders that left in them. */
export interface AuditFigures {
  readonly currency: Money["currency"];
  readonly figures: {
    readonly orders: number;
    readonly drawn: number;
    readonly partial: number;
    readonly full: number;
    readonly full_wrong: number;
    readonly few_audits: number;
    readonly orders_wrong: Estimate | null;
    readonly unpaid: Estimate | null;
    readonly unpaid_minor: number | null;
    readonly overpaid: Estimate | null;
    readonly overpaid_minor: number | null;
  };
}

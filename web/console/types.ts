import type { Money, StoredCard } from "../shared/types.ts";

/** The service desk as the server tells it: `docs/protocols/http.md`, “Service desk”. */
export interface DeskLine {
  readonly line: number;
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly sold_by: "piece" | "weight";
  readonly quantity: number;
  readonly weight_g: number | null;
  /** How many can still come back, and what all of them are worth. */
  readonly left: number;
  readonly worth: Money;
}

export interface DeskTender {
  readonly payment_id: string;
  readonly method: string;
  readonly amount: Money;
  readonly left: Money;
}

export interface Share {
  readonly payment_id: string;
  readonly method: string;
  readonly amount: Money;
  readonly status: "waiting" | "pending" | "succeeded";
  readonly by_hand: boolean;
}

export interface Return {
  readonly id: string;
  readonly order_id: string;
  readonly order_number: string;
  readonly status: "proposed" | "accepted" | "rejected";
  readonly amount: Money;
  readonly lines: readonly {
    readonly line: number;
    readonly quantity: number;
    readonly name_zh: string;
    readonly name_en: string;
    readonly refund: Money;
  }[];
  readonly taxes: readonly { readonly rate_bp: number; readonly tax: Money }[];
  readonly shares: readonly Share[];
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  readonly decided_by: string | null;
  readonly decided_at: string | null;
}

export interface Desk {
  readonly order_id: string;
  readonly number: string;
  readonly status: "paid" | "left";
  readonly paid_at: string | null;
  readonly total: Money;
  readonly lines: readonly DeskLine[];
  readonly tenders: readonly DeskTender[];
  readonly returns: readonly Return[];
}

export interface Wanted {
  readonly line: number;
  readonly quantity: number;
}

/** What a return would bring, and how it would go back. */
export interface Quote {
  readonly amount: Money;
  readonly second_person: boolean;
  readonly shares: readonly Share[];
}

export interface ReturnBody {
  readonly id: string;
  readonly lines: readonly Wanted[];
  readonly reason: string;
}

/** Money that should have arrived with a shopper and has not. */
export interface LateRefund {
  readonly id: string;
  readonly order_id: string;
  readonly order_number: string;
  readonly method: string;
  readonly amount: Money;
  readonly cause: "surplus" | "given_back" | "return";
  readonly since: string;
  readonly tries: number;
  readonly problem: string | null;
}

export interface CardMove {
  readonly id: string;
  readonly kind: "issue" | "top_up" | "spend" | "refund" | "void";
  readonly amount: Money;
  readonly at: string;
  readonly by: string;
}

export interface CardFound {
  readonly card: StoredCard;
  readonly moves: readonly CardMove[];
}

export interface NewCardBody {
  readonly id: string;
  readonly kind: "gift" | "voucher";
  readonly codes: readonly string[];
  readonly amount_minor: number;
  readonly days?: number;
}

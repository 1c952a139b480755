import type { Money, Payment, StoredCard } from "../shared/types.ts";

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
  /** How staff gave it back; null where its provider does, or where it has not gone back yet. */
  readonly paid_by: "cash" | "bank" | null;
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
  /** The kiosk that has begun to give it back, and when it was last heard of. */
  readonly claimed_by: string;
  readonly claimed_seen_at: string | null;
  /** It was sent: only its provider knows whether it arrives. */
  readonly may_arrive: boolean;
  readonly ways: readonly RefundWay[];
}

/** What staff can do about a refund: hand it over, free it from a kiosk that is silent, give it back another way. */
export type RefundWay = "by_hand" | "release" | "settle";
export type PaidBy = "cash" | "bank";

/** How it ends that money came twice: it is back in the drawer or on the store's account, or the store bears it. */
export type BackBy = PaidBy | "written_off";

/** A refund that came to its shopper twice, who owes it now. */
export interface GivenTwice {
  readonly refund_id: string;
  readonly order_id: string;
  readonly order_number: string;
  readonly method: string;
  readonly amount: Money;
  readonly paid_by: string;
  readonly at: string;
}

/** A payment whose end nobody has told, and what a person may say of it. */
export interface StuckPayment {
  readonly order_id: string;
  readonly order_number: string;
  readonly payment: Payment;
  /** Its provider took it on; it was asked so often since, and still can be. */
  readonly offered: boolean;
  readonly asked: number;
  readonly known_provider: boolean;
  readonly decide: readonly Decision["status"][];
}

export interface Decision {
  readonly status: "succeeded" | "failed";
  readonly reference: string;
  readonly reason: string;
}

/** A receipt whose SMS failed or still waits; the number is masked. */
export interface SmsTrouble {
  readonly order_id: string;
  readonly order_number: string;
  readonly receipt_number: string;
  readonly status: "due" | "sending" | "uncertain" | "failed" | "perhaps";
  readonly number: string;
  readonly number_kept: boolean;
  readonly language: "zh" | "en";
  readonly zh: string;
  readonly en: string;
  readonly problem: string;
  readonly since: string;
  readonly sends: number;
}

/** What a kiosk could not give back; its number stands on its slip. */
export interface Debt {
  readonly number: string;
  readonly amount: Money;
  readonly at: string;
  readonly order_number: string;
  readonly kiosk: string;
}

/** A second person signs at the desk of the first. */
export interface Signature {
  readonly name: string;
  readonly pin: string;
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
  readonly second?: Signature;
}

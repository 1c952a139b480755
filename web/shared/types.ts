/**
 * What the server says, as `docs/protocols/http.md` writes it. Amounts are whole minor units, weights whole grams,
 * times RFC 3339 in UTC.
 */

export interface Money {
  readonly amount_minor: number;
  readonly currency: string;
}

export interface Discount {
  readonly promotion_id: string;
  readonly zh: string;
  readonly en: string;
  readonly amount: Money;
}

export interface Line {
  readonly line: number;
  readonly product_id: string;
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly brand: string;
  readonly category: string;
  readonly sold_by: "piece" | "weight";
  readonly quantity: number;
  readonly weight_g: number | null;
  readonly net_weight_g: number | null;
  /** What the package says it holds: “500 ml”. */
  readonly quantity_text: string;
  readonly unit_price: Money;
  readonly unit: "piece" | "kg";
  readonly subtotal: Money;
  readonly discount: Money;
  readonly deposit: Money;
  readonly total: Money;
  readonly discounts: readonly Discount[];
  readonly age_limit: number | null;
  readonly eas: boolean;
}

export interface BasketPromotion extends Discount {
  readonly lines: readonly number[];
}

export type TripStatus = "shopping" | "submitted" | "paid" | "left";

export interface Basket {
  readonly trip_id: string;
  readonly status: TripStatus;
  readonly version: number;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly item_count: number;
  readonly weight_g: number | null;
  readonly subtotal: Money;
  readonly discount: Money;
  readonly deposit: Money;
  readonly total: Money;
  readonly promotions: readonly BasketPromotion[];
  /** Why these promotions were chosen, in words. */
  readonly explained?: { readonly zh: string; readonly en: string } | null;
  readonly age_limit: number | null;
  readonly order_id: string | null;
  readonly coupons: readonly BasketCoupon[];
  /** The total without what the coupons would take off now. */
  readonly payable: Money;
  /** A member's card was shown: members' prices count. */
  readonly member: boolean;
}

/** A coupon in the basket: what it would take off now, or the problem why nothing. */
export interface BasketCoupon {
  readonly coupon: number;
  readonly coupon_id: string;
  readonly zh: string;
  readonly en: string;
  readonly amount: Money;
  readonly funded_by: string;
  readonly lines: readonly { readonly line: number; readonly amount: Money }[];
  readonly problem: ProblemDocument | null;
  /** How often it may be used, in words. */
  readonly note: { readonly zh: string; readonly en: string } | null;
}

export interface TripStarted {
  readonly id: string;
  readonly token: string;
  readonly basket: Basket;
  /** Seals a basket that is handed to a kiosk while there is no network. */
  readonly basket_key: string | null;
}

export interface ScanBody {
  readonly id: string;
  readonly code: string;
  readonly quantity?: number;
  readonly symbology?: string;
  readonly at?: string;
}

export interface LineAnswer {
  readonly line: Line | null;
  readonly basket: Basket;
  readonly coupon: BasketCoupon | null;
}

export interface BatchBody {
  readonly id: string;
  readonly add?: readonly { code: string; quantity?: number; symbology?: string }[];
  readonly set?: readonly { line: number; quantity: number }[];
  readonly delete?: readonly number[];
  readonly delete_coupons?: readonly number[];
}

export interface BatchAnswer {
  readonly basket: Basket;
  readonly lines: readonly Line[];
  readonly refused: readonly { code: string; problem: ProblemDocument }[];
}

/** What a shopper may know of a product without adding it to the basket. `nutrition` is per 100 g or 100 ml. */
export interface ProductDetails {
  readonly product_id: string;
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly brand: string;
  readonly category: string;
  readonly category_zh: string;
  readonly category_en: string;
  readonly sold_by: "piece" | "weight";
  readonly unit: "piece" | "kg";
  readonly unit_price: Money;
  readonly deposit: Money;
  readonly quantity_text: string;
  readonly net_weight_g: number | null;
  readonly age_limit: number | null;
  readonly origin: string;
  readonly producer: string;
  readonly ingredients: string;
  readonly allergens_zh: string;
  readonly allergens_en: string;
  readonly nutrition: Readonly<Record<string, number>>;
}

export type PaymentStatus = "pending" | "succeeded" | "failed" | "closed" | "surplus" | "refunded";

export interface Payment {
  readonly id: string;
  readonly method: string;
  readonly status: PaymentStatus;
  readonly amount: Money;
  readonly created_at: string;
  /** The kiosk where it was begun, else empty. */
  readonly place: string;
  readonly action: PaymentAction | null;
  readonly problem: ProblemDocument | null;
}

/** What the shopper does next: go to `url`, send `fields` there as a form, hand them to the wallet, show a QR, or wait. */
export interface PaymentAction {
  readonly kind: "redirect" | "form" | "bridge" | "qr" | "none";
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The QR code, drawn. */
  readonly svg: string;
}

/** Where the shopper is when paying. */
export type Channel = "page" | "qr" | "in_wallet";

export interface PaymentBody {
  readonly method: string;
  readonly id?: string;
  readonly amount_minor?: number;
  readonly channel?: Channel;
  readonly payer_code?: string;
  readonly instrument?: string;
}

/** A coupon on an order. The `store` bears it as a lower price, an `issuer` pays it back to the store. */
export interface Redemption {
  readonly id: string;
  readonly coupon_id: string;
  readonly zh: string;
  readonly en: string;
  readonly amount: Money;
  readonly funded_by: "store" | "issuer";
  readonly status: string;
  readonly lines: readonly { readonly line: number; readonly amount: Money }[];
}

export interface Coupons {
  readonly coupons: readonly Redemption[];
  readonly total: Money;
  readonly saved: Money;
  readonly payable: Money;
  readonly explained: { readonly zh: string; readonly en: string } | null;
}

/** A card of the store: gift card, membership card, or a voucher for returned bottles. */
export interface StoredCard {
  readonly id: string;
  readonly kind: "gift" | "member" | "voucher";
  readonly status: "active" | "blocked";
  readonly balance: Money;
  readonly tail: string;
  readonly member: string | null;
  readonly expires_at: string | null;
}

export type OrderStatus = "open" | "paid" | "left" | "closed";

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly token: string;
  readonly status: OrderStatus;
  readonly trip_id: string;
  readonly created_at: string;
  readonly paid_at: string | null;
  readonly basket_hash: string;
  readonly basket: Basket;
  readonly total: Money;
  /** The total without coupons; what was taken of it and is kept; and the rest. */
  readonly payable: Money;
  readonly paid: Money;
  readonly due: Money;
  readonly qr: { readonly url: string; readonly svg: string };
  readonly payments: readonly Payment[];
  readonly coupons: readonly Redemption[];
}

export interface PaymentMethod {
  readonly method: string;
  readonly zh: string;
  readonly en: string;
  readonly kind: string;
  readonly channels: readonly Channel[];
  /** The browser that asked is this wallet's own. */
  readonly preferred: boolean;
}

export interface ExitPass {
  readonly pass: string;
  readonly expires_at: string;
  readonly svg: string;
  readonly rotation: Rotation;
  /** The lane that takes it while the network is down; null where staff have to look at the order first. */
  readonly offline_lane: OfflineLane | null;
}

export interface OfflineLane {
  readonly id: string;
  readonly name: string;
}

/** How a screen makes the text that it shows now; src/unqueue/passes/rotation.py says how. */
export interface Rotation {
  readonly stem: string;
  readonly seed: string;
  readonly pass_id: string;
  readonly issued_s: number;
  readonly step_s: number;
  readonly steps: number;
}

/** What a shopper is told of an audit: why the goods are scanned again, or thanks for it. */
export interface Audit {
  readonly status: "none" | "due" | "clean" | "over";
  readonly text: { readonly zh: string; readonly en: string } | null;
}

export interface Store {
  readonly id: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly address_zh: string;
  readonly address_en: string;
  readonly tax_id: string;
}

export interface ReceiptLine extends Line {
  readonly tax_rate_bp: number;
}

export interface Receipt {
  readonly number: string;
  readonly order_number: string;
  readonly issued_at: string;
  readonly store: Store;
  readonly lines: readonly ReceiptLine[];
  readonly subtotal: Money;
  readonly discount: Money;
  readonly deposit: Money;
  readonly total: Money;
  readonly coupons: readonly {
    readonly zh: string;
    readonly en: string;
    readonly amount: Money;
    readonly funded_by: "store" | "issuer";
  }[];
  readonly payable: Money;
  /** Why these coupons took off what they did, in words. */
  readonly explained: { readonly zh: string; readonly en: string } | null;
  readonly taxes: readonly { rate_bp: number; net: Money; tax: Money; gross: Money }[];
  readonly tenders: readonly Tender[];
  /** What a country's fiscal signature wants on the receipt. */
  readonly fiscal?: { readonly fields: readonly { zh: string; en: string; value: string }[]; readonly qr: string };
  /** The web receipt's own address. */
  readonly url?: string;
  /** Where an invoice is asked for; empty: nowhere. */
  readonly invoice_url?: string;
}

/** How far a receipt's SMS is; `number` is masked. */
/** The shopper's own bags: how many were declared, and how many may be. */
export interface Bags {
  readonly count: number;
  /** Of bags and containers together. */
  readonly count_max: number;
  /** Bags and boxes that the store knows, such as its own. */
  readonly containers: readonly {
    readonly product_id: string;
    readonly name_zh: string;
    readonly name_en: string;
    readonly count: number;
  }[];
}

export interface ReceiptSms {
  readonly status:
    "waiting" | "due" | "sending" | "uncertain" | "sent" | "delivered" | "failed" | "perhaps" | "withdrawn";
  readonly number: string;
  readonly keep: boolean;
  readonly zh: string;
  readonly en: string;
  readonly changed_at: string;
}

/** What was paid with; `slip` holds the lines that a card terminal wants on the receipt. */
export interface Tender {
  readonly method: string;
  readonly zh: string;
  readonly en: string;
  readonly amount: Money;
  readonly reference: string;
  readonly slip: readonly string[];
}

/** RFC 9457 problem details with our own members; more members may come along (such as an open `payment`). */
export interface ProblemDocument {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly code: string;
  readonly zh: string;
  readonly en: string;
  readonly permanent: boolean;
  readonly [member: string]: unknown;
}

export interface Suspect {
  readonly kind: "missed" | "more" | "extra" | "swapped" | "unknown";
  readonly zh: string;
  readonly en: string;
  readonly line?: number | null;
  readonly product_id?: string | null;
  /** How probable it is, given the weight; none where only the lane guessed. */
  readonly probability?: number | null;
}

export interface OrderSummary {
  readonly id: string;
  readonly number: string;
  readonly item_count: number;
  readonly total: Money;
}

export type CallAction = "let_go" | "reweigh" | "take_off" | "refuse" | "done" | "open_again" | "deactivate";

/** Goods of which more pieces were read at the gate than are paid. */
export interface GateGood {
  readonly product_id: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly read: number;
  readonly paid: number;
}

export interface Call {
  readonly id: string;
  readonly kind: "weight" | "min_age" | "other_lane" | "audit" | "live_tag" | "device" | "help";
  readonly status: "open" | "answered";
  readonly lane: string;
  readonly exit_id: string | null;
  readonly order: OrderSummary | null;
  readonly opened_at: string;
  readonly answered_at: string | null;
  readonly answered_by: string | null;
  readonly action: CallAction | null;
  readonly reason: string | null;
  readonly evidence: {
    readonly expected_g?: number | null;
    readonly measured_g?: number | null;
    readonly tolerance_g?: number | null;
    readonly sigma_g?: number | null;
    /** Between these weights it would have passed. */
    readonly low_g?: number | null;
    readonly high_g?: number | null;
    readonly suspects?: readonly Suspect[];
    /** For staff: what the lane says of a device or a shopper's wish, and how often it happened meanwhile. */
    readonly detail?: string | null;
    readonly times?: number;
    /** How many weighings add up to what was measured. */
    readonly parts?: number;
    /** How many things the lane's belt counted. */
    readonly counted?: number | null;
    /** Why a tag may ring: the deactivator counted fewer than the order has, or all of them. */
    readonly cause?: "tag_missed" | "not_on_order" | null;
    /** What the gate's reader saw more of than is paid on the order. */
    readonly goods?: readonly GateGood[];
    readonly age_limit?: number | null;
    /** Who refused the same order for its shopper's age before. */
    readonly refused_before?: { readonly by: string | null; readonly at: string; readonly reason: string | null };
    /** The lane that the order's pass is bound to, and that does not answer. */
    readonly bound_to?: string | null;
    /** Of an audit: how much is scanned again, and what its last rescan came to. */
    readonly audit?: "partial" | "full";
    readonly result_id?: string | null;
    readonly outcome?: "clean" | "differences" | null;
  } | null;
  /** Names what there is to see of the call now; an answer says with it what it was given to. */
  readonly evidence_id: string;
  /** What can be answered now. */
  readonly actions: readonly CallAction[];
  /** Goods that turn up can be paid for at it. */
  readonly payable: boolean;
  /** Who opened it first on a console. */
  readonly looked_by: string | null;
  /** Who called the guard to it. */
  readonly security: { readonly by: string; readonly at: string; readonly reason: string } | null;
  readonly finding: Finding | null;
}

/** What whoever answered a call found: that nothing was wrong with the goods, or that some were not paid. */
export type Finding = "nothing" | "unpaid";

/** Whether a person still has to look at the shopper's ID. */
export interface AgeCheck {
  readonly status: "none" | "due" | "cleared" | "refused";
  readonly age_limit: number | null;
}

export interface LaneState {
  readonly lane: string;
  readonly name: string;
  readonly state: "idle" | "loading" | "weighing" | "check" | "staff" | "aside" | "open" | "alarm" | "out_of_service";
  readonly seq: number;
  readonly prompt: { readonly id: string; readonly zh: string; readonly en: string };
  readonly voice: string | null;
  /** The product to name after the prompt. */
  readonly named: { readonly zh: string; readonly en: string } | null;
  readonly order: { readonly number: string; readonly item_count: number } | null;
  readonly weight: {
    readonly measured_g: number;
    readonly expected_g: number;
    readonly tolerance_g: number;
    /** Parts of the goods that were weighed before; they are in what was measured. */
    readonly parts: number;
  } | null;
  readonly suspects: readonly Suspect[];
  /** What lies there may be kept as a part of the goods. */
  readonly more: boolean;
  readonly devices: Readonly<Record<string, string>>;
}

export interface KioskTender {
  readonly method: string;
  readonly zh: string;
  readonly en: string;
  readonly kind: string;
  readonly amount: Money;
  readonly qr_svg: string | null;
  readonly since: string;
}

export interface KioskCash {
  readonly due: Money;
  readonly cash_due: Money;
  readonly rounding: Money;
  readonly inserted: Money;
  readonly remaining: Money;
  readonly to_give: readonly Money[];
  readonly accepted: readonly { readonly denomination: string; readonly credited: Money }[];
  readonly refused: readonly {
    readonly denomination: string;
    readonly reason: string;
    readonly zh: string;
    readonly en: string;
  }[];
  readonly dispensed: Readonly<Record<string, number>>;
  readonly debts: readonly { readonly number: string; readonly amount: Money; readonly in_doubt: boolean }[];
}

export interface KioskOrder {
  readonly id: string;
  readonly number: string;
  readonly item_count: number;
  readonly lines: readonly Line[];
  readonly total: Money;
  readonly payable: Money;
  readonly paid: Money;
  readonly due: Money;
  readonly coupons: readonly Redemption[];
  readonly payments: readonly {
    readonly id: string;
    readonly method: string;
    readonly zh: string;
    readonly en: string;
    readonly amount: Money;
    readonly status: PaymentStatus;
  }[];
}

/** What the kiosk's own process says; see `docs/protocols/http.md`. */
export interface KioskState {
  readonly kiosk: string;
  readonly name: string;
  readonly seq: number;
  readonly phase: "welcome" | "order" | "tender" | "giving_back" | "paid" | "out_of_service";
  readonly language: "zh" | "en";
  readonly prompt: { readonly id: string; readonly zh: string; readonly en: string };
  readonly voice: string | null;
  readonly order: KioskOrder | null;
  /** A handset's basket that is being read: of so many parts, the missing ones. */
  readonly basket: { readonly count: number; readonly missing: readonly number[] } | null;
  readonly methods: readonly {
    readonly method: string;
    readonly zh: string;
    readonly en: string;
    readonly kind: string;
    readonly ready: boolean;
    readonly detail: string;
  }[];
  readonly tender: KioskTender | null;
  readonly cash: KioskCash | null;
  readonly notice: { readonly code: string; readonly zh: string; readonly en: string } | null;
  readonly timeout: { readonly seconds_left: number } | null;
  readonly help: "none" | "called";
  readonly receipt: { readonly number: string; readonly printed: boolean; readonly problem: string | null } | null;
  readonly devices: Readonly<Record<string, string>>;
}

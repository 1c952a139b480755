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
}

export interface TripStarted {
  readonly id: string;
  readonly token: string;
  readonly basket: Basket;
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
}

export interface BatchBody {
  readonly id: string;
  readonly add?: readonly { code: string; quantity?: number; symbology?: string }[];
  readonly set?: readonly { line: number; quantity: number }[];
  readonly delete?: readonly number[];
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
  readonly action: { readonly kind: string; readonly url: string } | null;
  readonly problem: ProblemDocument | null;
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
  readonly paid: Money;
  readonly qr: { readonly url: string; readonly svg: string };
  readonly payments: readonly Payment[];
}

export interface PaymentMethod {
  readonly method: string;
  readonly zh: string;
  readonly en: string;
  readonly kind: string;
}

export interface ExitPass {
  readonly pass: string;
  readonly expires_at: string;
  readonly svg: string;
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
  readonly taxes: readonly { rate_bp: number; net: Money; tax: Money; gross: Money }[];
  readonly tenders: readonly { method: string; zh: string; en: string; amount: Money; reference: string }[];
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
  readonly kind: "missed" | "extra" | "unknown";
  readonly zh: string;
  readonly en: string;
  readonly line?: number | null;
  readonly product_id?: string | null;
}

export interface OrderSummary {
  readonly id: string;
  readonly number: string;
  readonly item_count: number;
  readonly total: Money;
}

export interface Call {
  readonly id: string;
  readonly kind: "weight" | "min_age" | "live_tag" | "device" | "help";
  readonly status: "open" | "answered";
  readonly lane: string;
  readonly exit_id: string | null;
  readonly order: OrderSummary | null;
  readonly opened_at: string;
  readonly answered_at: string | null;
  readonly answered_by: string | null;
  readonly action: "let_go" | "reweigh" | "refuse" | "done" | "open_again" | null;
  readonly reason: string | null;
  readonly evidence: {
    readonly expected_g?: number | null;
    readonly measured_g?: number | null;
    readonly tolerance_g?: number | null;
    readonly suspects?: readonly Suspect[];
    /** For staff: what the lane says of a device or a shopper's wish, and how often it happened meanwhile. */
    readonly detail?: string | null;
    readonly times?: number;
    readonly age_limit?: number | null;
  } | null;
  /** Names what there is to see of the call now; an answer says with it what it was given to. */
  readonly evidence_id: string;
  /** What can be answered now. */
  readonly actions: readonly ("let_go" | "reweigh" | "refuse" | "done" | "open_again")[];
}

export interface LaneState {
  readonly lane: string;
  readonly name: string;
  readonly state: "idle" | "loading" | "weighing" | "check" | "staff" | "open" | "alarm" | "out_of_service";
  readonly seq: number;
  readonly prompt: { readonly id: string; readonly zh: string; readonly en: string };
  readonly voice: string | null;
  readonly order: { readonly number: string; readonly item_count: number } | null;
  readonly weight: { readonly measured_g: number; readonly expected_g: number; readonly tolerance_g: number } | null;
  readonly suspects: readonly Suspect[];
  readonly devices: Readonly<Record<string, string>>;
}

import { Problem, request, requestText, type RequestOptions } from "../shared/api.ts";
import { forStaff } from "./problems.ts";
import type {
  Call,
  Finding,
  Money,
  OrderSummary,
  Payment,
  PaymentMethod,
  ProblemDocument,
  ReceiptSms,
  StoredCard,
  Suspect,
} from "../shared/types.ts";
import type { AuditFigures, FiguresOfDays } from "./figures/types.ts";
import type { Overrides } from "./overrides/types.ts";
import type { AuditScan, Comparison, Seen, StaffAudit } from "./audit/types.ts";
import type {
  BackBy,
  CardFound,
  Debt,
  Decision,
  Desk,
  GivenTwice,
  LateRefund,
  NewCardBody,
  PaidBy,
  Quote,
  Return,
  ReturnBody,
  Signature,
  SmsTrouble,
  StuckPayment,
  Wanted,
} from "./types.ts";

/** What staff ask of the server: `docs/protocols/http.md`, “Staff”. */
export interface Session {
  readonly token: string;
  readonly name: string;
  readonly role: string;
  /** What the role may do, as the server names it. */
  readonly may: readonly May[];
  /** How it began; an `enrolment` only adds the first passkey. */
  readonly way: "pin" | "passkey" | "oidc" | "enrolment";
}

export type May =
  | "floor"
  | "calls"
  | "look_up"
  | "take_back"
  | "second"
  | "hand_over"
  | "settle_refunds"
  | "decide_payments"
  | "issue_cards"
  | "fill_cards"
  | "fill_cards_alone"
  | "block_cards"
  | "unblock_cards"
  | "reconcile"
  | "audit_figures"
  | "figures"
  | "overrides";

/** A slip of the desk: of a return (its id), or of what a kiosk owes (its number). */
export interface Slip {
  readonly kind: "returns" | "debts";
  readonly id: string;
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

/** A side bay where somebody is, and the exits that go on there. */
export interface FloorBay {
  readonly id: string;
  readonly exits: readonly Exit[];
}

export interface FloorKiosk {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly seen_at: string | null;
  readonly devices: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

export interface FloorLane extends FloorKiosk {
  /** Who took it out, and since when it takes no new shopper. */
  readonly closed_by: string | null;
  readonly closed_at: string | null;
  readonly exit: Exit | null;
}

export interface Floor {
  readonly store: { readonly id: string; readonly name_zh: string; readonly name_en: string };
  readonly lanes: readonly FloorLane[];
  readonly kiosks: readonly FloorKiosk[];
  readonly bays: readonly FloorBay[];
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
  readonly finding?: Finding | null;
  /** Goods that were not paid, where they are known. */
  readonly found?: readonly Found[];
}

/** Goods by their product, or by a scanned code. */
export interface Found {
  readonly product_id?: string;
  readonly code?: string;
  readonly quantity?: number;
}

/** What a scanned code names. */
export interface Goods {
  readonly product_id: string;
  readonly name_zh: string;
  readonly name_en: string;
  /** Of goods sold by weight. */
  readonly weight_g: number | null;
  /** What one of it costs, before promotions. */
  readonly price: Money | null;
  /** Why it can't be sold. */
  readonly refusal: ProblemDocument | null;
}

/** The extra order of a call: what turned up unpaid and is paid for now. */
export interface Supplement {
  readonly order_id: string;
  readonly number: string;
  readonly status: "open" | "paid" | "left" | "closed";
  readonly total: Money;
  readonly url: string;
  readonly svg: string;
  readonly by: string;
}

export function signIn(name: string, pin: string): Promise<Session> {
  return request<Session>("/api/staff/sessions", { method: "POST", body: { name, pin } });
}

const path = encodeURIComponent;

/** The requests of a member of staff. `onEnded` is told when the server no longer knows the session. */
export function staffApi(token: string, onEnded: () => void = () => undefined) {
  async function send<T>(to: string, options: RequestOptions = {}): Promise<T> {
    try {
      return await request<T>(to, { token, ...options });
    } catch (error) {
      if (error instanceof Problem && error.status === 401) onEnded();
      throw error instanceof Problem ? forStaff(error) : error;
    }
  }
  const post = <T>(to: string, body?: unknown) =>
    send<T>(to, { method: "POST", ...(body === undefined ? {} : { body }) });
  return {
    signOut: () => request<null>("/api/staff/sessions/current", { method: "DELETE", token, keepalive: true }),
    current: () => send<Omit<Session, "token">>("/api/staff/sessions/current"),
    floor: () => send<Floor>("/api/staff/floor"),
    answer: (call: string, body: Answer) => post<Call>(`/api/staff/calls/${path(call)}/answer`, body),
    openGate: (lane: string, id: string) =>
      post<{ readonly status: "opened" | "waiting" }>(`/api/staff/lanes/${path(lane)}/gate-openings`, { id }),
    closeLane: (lane: string, closed: boolean) =>
      send<null>(`/api/staff/lanes/${path(lane)}/closed`, { method: "POST", body: { closed } }),
    vouchDead: (lane: string) => post<{ readonly orders: number }>(`/api/staff/lanes/${path(lane)}/dead`),
    look: (call: string) => post<Call>(`/api/staff/calls/${path(call)}/look`),
    callSecurity: (call: string, reason: string) => post<Call>(`/api/staff/calls/${path(call)}/security`, { reason }),
    goods: (code: string) => post<Goods>("/api/staff/goods", { code }),
    takePayment: (call: string, items: readonly Found[]) =>
      post<Supplement>(`/api/staff/calls/${path(call)}/payment`, { items }),
    paymentOf: (call: string) => send<Supplement>(`/api/staff/calls/${path(call)}/payment`),
    withdrawPayment: (call: string) => send<null>(`/api/staff/calls/${path(call)}/payment`, { method: "DELETE" }),
    /** The last seven days of the store's own calendar. */
    figuresOfWeek: () => send<FiguresOfDays>("/api/staff/figures"),
    figures: (first: string, last: string, lane: string | null) =>
      send<FiguresOfDays>(
        `/api/staff/figures?first=${path(first)}&last=${path(last)}${lane === null ? "" : `&lane=${path(lane)}`}`,
      ),
    auditFigures: (first: string, last: string) =>
      send<AuditFigures>(`/api/audits/figures?first=${path(first)}&last=${path(last)}`),
    /** Without days the last seven of the store's own calendar; of one order those of any day. */
    overrides: (asked: Readonly<Record<string, string | number>>) =>
      send<Overrides>(
        `/api/staff/overrides?${Object.entries(asked)
          .map(([name, value]) => `${name}=${path(String(value))}`)
          .join("&")}`,
      ),
    audit: (order: string) => send<StaffAudit>(`/api/staff/audits/${path(order)}`),
    lookAtAudit: (order: string, scan: AuditScan) => post<Seen>(`/api/staff/audits/${path(order)}/look`, scan),
    compareAudit: (order: string, scans: readonly AuditScan[]) =>
      post<Comparison>(`/api/staff/audits/${path(order)}/compare`, { scans }),
    concludeAudit: (order: string, body: { id: string; comparison_id: string; scans: readonly AuditScan[] }) =>
      post<StaffAudit>(`/api/staff/audits/${path(order)}/conclude`, body),
    methods: () => send<PaymentMethod[]>("/api/payment-methods"),
    findOrder: (code: string) => post<Desk>("/api/desk/orders", { code }),
    quote: (order: string, lines: readonly Wanted[]) =>
      post<Quote>(`/api/orders/${path(order)}/returns/quote`, { lines }),
    takeBack: (order: string, body: ReturnBody) => post<Return>(`/api/orders/${path(order)}/returns`, body),
    returnsWaiting: () => send<Return[]>("/api/desk/returns"),
    decide: (id: string, decision: "accept" | "reject") => post<Return>(`/api/returns/${path(id)}/${decision}`),
    refundsLate: () => send<LateRefund[]>("/api/desk/refunds"),
    refundsTwice: () => send<GivenTwice[]>("/api/desk/refunds/given-twice"),
    endGivenTwice: (id: string, back_by: BackBy, reason: string) =>
      post<GivenTwice>(`/api/desk/refunds/${path(id)}/given-twice`, { back_by, reason }),
    releaseRefund: (id: string, reason: string) =>
      post<LateRefund>(`/api/desk/refunds/${path(id)}/release`, { reason }),
    settleRefund: (id: string, paid_by: PaidBy, reason: string) =>
      post<LateRefund>(`/api/desk/refunds/${path(id)}/settle`, { paid_by, reason }),
    handOver: (id: string) => post<LateRefund>(`/api/desk/refunds/${path(id)}/by-hand`),
    paymentsStuck: () => send<StuckPayment[]>("/api/desk/payments"),
    decidePayment: (id: string, body: Decision) => post<Payment>(`/api/desk/payments/${path(id)}/decide`, body),
    smsTroubles: () => send<SmsTrouble[]>("/api/desk/sms"),
    sendAgain: (order: string, body: { id: string; number: string }) =>
      post<ReceiptSms>(`/api/desk/sms/${path(order)}/send`, body),
    debts: () => send<Debt[]>("/api/desk/debts"),
    printer: () => send<{ readonly printer: boolean }>("/api/desk/printer"),
    printSlip: ({ kind, id }: Slip, language: string) =>
      send<null>(`/api/desk/${kind}/${path(id)}/slip`, { method: "POST", body: { language }, timeout_ms: 20_000 }),
    slipPage: ({ kind, id }: Slip, language: string) =>
      requestText(`/api/desk/${kind}/${path(id)}/slip.html?language=${language}`, token),
    findCard: (code: string) => post<CardFound>("/api/stored-value/find", { code }),
    issueCard: (body: NewCardBody) => post<StoredCard>("/api/stored-value/cards", body),
    topUp: (card: string, body: { id: string; amount_minor: number; second?: Signature }) =>
      post<StoredCard>(`/api/stored-value/cards/${path(card)}/top-up`, body),
    setCardStatus: (card: string, status: StoredCard["status"]) =>
      post<StoredCard>(`/api/stored-value/cards/${path(card)}/status`, { status }),
  };
}

export type StaffApi = ReturnType<typeof staffApi>;

import { messages, type MessageKey } from "./messages.ts";
import { isProblemDocument, Problem } from "./problem.ts";
import type * as contract from "./types.ts";

export { Problem } from "./problem.ts";
export type * from "./types.ts";

const TIMEOUT_MS = 10_000;

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly token?: string | null;
  readonly timeout_ms?: number;
  readonly signal?: AbortSignal;
  /** For a page of the shop that the browser closes while the request is under way. */
  readonly keepalive?: boolean;
}

/** Server's clock minus this device's, in milliseconds, from the latest answer's Date header; to the second. */
let clock_offset_ms = 0;

/** The store's time zone, which its receipts use (IANA name); this device's own until the server has told it. */
let store_zone: string | undefined;

export function storeZone(): string | undefined {
  return store_zone;
}

/** What time it is at the server: the one clock that decides when a pass expires. */
export function serverNow(): number {
  return Date.now() + clock_offset_ms;
}

function problemHere(key: MessageKey & `problem.${string}`, code: string, status = 0): Problem {
  return new Problem({ code, zh: messages[key].zh, en: messages[key].en, permanent: false }, status);
}

/**
 * One request. Answers the parsed JSON (or null for 204), or throws a `Problem`: the server's own, or one of
 * `network` (nothing came back), `timeout`, and `unexpected` (an answer that is not the server's, such as the log-in
 * page of a guest network). These three are never permanent.
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (options.token) headers["Authorization"] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const controller = new AbortController();
  const giveUp = () => controller.abort();
  options.signal?.addEventListener("abort", giveUp);
  let late = false;
  const timer = setTimeout(() => ((late = true), giveUp()), options.timeout_ms ?? TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method: options.method ?? "GET",
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: controller.signal,
      keepalive: options.keepalive ?? false,
      cache: "no-store",
      credentials: "omit",
    });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw late ? problemHere("problem.timeout", "timeout") : problemHere("problem.network", "network");
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", giveUp);
  }
  noteClock(response);
  return read<T>(response, text);
}

function noteClock(response: Response): void {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(date)) clock_offset_ms = date - Date.now();
  store_zone = response.headers.get("Store-Time-Zone") ?? store_zone;
}

function read<T>(response: Response, text: string): T {
  if (response.status === 204) return null as T;
  const json = (response.headers.get("Content-Type") ?? "").includes("json");
  let body: unknown;
  try {
    body = json ? JSON.parse(text) : undefined;
  } catch {
    body = undefined;
  }
  if (response.ok && body !== undefined) return body as T;
  if (!response.ok && isProblemDocument(body)) throw new Problem(body, response.status);
  throw problemHere("problem.unexpected", "unexpected", response.status);
}

/** A text of the server, such as a page to keep. Throws a `Problem` like `request`. */
export async function requestText(path: string, token: string | null): Promise<string> {
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  let response: Response;
  try {
    response = await fetch(path, { headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw problemHere("problem.network", "network");
  }
  const text = await response.text();
  return response.ok ? text : read<string>(response, text);
}

/** Any error as a `Problem` that can be shown; what is none of ours goes to the browser's log. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  console.error(error);
  return problemHere("problem.unexpected", "unexpected");
}

const path = encodeURIComponent;

/** The shopper's requests, with a trip's or an order's token. */
export function shopperApi(token: string | null) {
  const send = <T>(to: string, options: RequestOptions = {}) => request<T>(to, { token, ...options });
  const post = <T>(to: string, body?: unknown) =>
    send<T>(to, { method: "POST", ...(body === undefined ? {} : { body }) });
  return {
    startTrip: (body: { language?: string; member?: string }) => post<contract.TripStarted>("/api/trips", body),
    trip: (id: string) => send<contract.Basket>(`/api/trips/${path(id)}`),
    scan: (id: string, body: contract.ScanBody) => post<contract.LineAnswer>(`/api/trips/${path(id)}/scans`, body),
    setQuantity: (id: string, line: number, quantity: number) =>
      send<contract.LineAnswer>(`/api/trips/${path(id)}/lines/${line}`, { method: "PATCH", body: { quantity } }),
    deleteLine: (id: string, line: number) =>
      send<contract.LineAnswer>(`/api/trips/${path(id)}/lines/${line}`, { method: "DELETE" }),
    batch: (id: string, body: contract.BatchBody) =>
      post<contract.BatchAnswer>(`/api/trips/${path(id)}/lines:batch`, body),
    product: (id: string, code: string) =>
      send<contract.ProductDetails>(`/api/trips/${path(id)}/products?code=${path(code)}`),
    submit: (id: string) => post<contract.Order>(`/api/trips/${path(id)}/order`),
    reopen: (id: string) => post<contract.Basket>(`/api/trips/${path(id)}/reopen`),
    order: (id: string) => send<contract.Order>(`/api/orders/${path(id)}`),
    currentOrder: () => send<contract.Order>("/api/orders/current"),
    paymentMethods: () => send<contract.PaymentMethod[]>("/api/payment-methods"),
    pay: (id: string, body: contract.PaymentBody) => post<contract.Payment>(`/api/orders/${path(id)}/payments`, body),
    payer: (id: string, method: string) =>
      send<{ url: string }>(`/api/orders/${path(id)}/payer?method=${path(method)}`),
    giveBack: (id: string) => post<contract.Order>(`/api/orders/${path(id)}/give-back`),
    redeem: (id: string, body: { id: string; code: string }) =>
      post<contract.Coupons>(`/api/orders/${path(id)}/coupons`, body),
    withdraw: (id: string, redemption: string) =>
      send<contract.Coupons>(`/api/orders/${path(id)}/coupons/${path(redemption)}`, { method: "DELETE" }),
    cardBalance: (code: string) => post<contract.StoredCard>("/api/stored-value/balance", { code }),
    payment: (id: string, payment: string) =>
      send<contract.Payment>(`/api/orders/${path(id)}/payments/${path(payment)}`),
    closePayment: (id: string, payment: string) =>
      post<contract.Payment>(`/api/orders/${path(id)}/payments/${path(payment)}/close`),
    pass: (id: string) => send<contract.ExitPass>(`/api/orders/${path(id)}/pass`),
    bags: (id: string) => send<contract.Bags>(`/api/orders/${path(id)}/bags`),
    declareBags: (id: string, said: { count: number; containers: Readonly<Record<string, number>> }) =>
      send<contract.Bags>(`/api/orders/${path(id)}/bags`, { method: "PUT", body: said }),
    ageCheck: (id: string) => send<contract.AgeCheck>(`/api/orders/${path(id)}/age-check`),
    audit: (id: string) => send<contract.Audit>(`/api/orders/${path(id)}/audit`),
    receipt: (id: string) => send<contract.Receipt>(`/api/orders/${path(id)}/receipt`),
    receiptSms: (id: string) => send<contract.ReceiptSms>(`/api/orders/${path(id)}/receipt/sms`),
    sendReceipt: (id: string, body: { number: string; keep: boolean; language: string }) =>
      post<contract.ReceiptSms>(`/api/orders/${path(id)}/receipt/sms`, body),
    forgetNumber: (id: string) => send<null>(`/api/orders/${path(id)}/receipt/sms`, { method: "DELETE" }),
    /** The receipt as a page to keep: its HTML. */
    receiptPage: (id: string, language: string) =>
      requestText(`/api/orders/${path(id)}/receipt.html?language=${language}`, token),
  };
}

export type ShopperApi = ReturnType<typeof shopperApi>;

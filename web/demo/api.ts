import { request } from "../shared/api.ts";
import type { KioskState, LaneState, Money } from "../shared/types.ts";

/** The simulated world's own API, and the shelf of the catalogue. */
export interface DemoLane {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

export type Mood = "honest" | "forgetful" | "dishonest";

export interface DemoShopper {
  readonly id: string;
  /** `shelf`, `pay`, `queue:<lane>`, or a lane's id. */
  readonly where: string;
  readonly mood: Mood;
  readonly items: number;
}

export interface DemoStore {
  readonly store: { readonly name_zh: string; readonly name_en: string };
  readonly public_url: string;
  readonly lan_url: string | null;
  readonly lan_qr_svg: string | null;
  readonly attendant: { readonly name: string; readonly pin: string };
  readonly lanes: readonly DemoLane[];
  readonly shoppers: readonly DemoShopper[];
  readonly totals: { readonly visits: number; readonly inside: number };
}

export interface BeltGood {
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly weight_g: number;
  readonly tag_live: boolean;
  readonly count: number;
}

export interface OrderGood {
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  readonly quantity: number;
}

export interface LaneWorld {
  readonly belt: readonly BeltGood[];
  readonly scale_g: number;
  readonly scale_plugged: boolean;
  readonly gate: "open" | "closed";
  readonly tags_live: number;
  readonly order: { readonly number: string; readonly goods: readonly OrderGood[] } | null;
}

/** What came of walking: nobody gets through a closed gate. */
export interface LaneWalk extends LaneWorld {
  readonly through: boolean;
  readonly live_tags: number;
}

export interface CarriedGood {
  readonly gtin: string;
  readonly quantity: number;
  readonly weight_g?: number | null;
}

export interface ShelfProduct {
  readonly product_id: string;
  readonly gtin: string;
  /** What its package carries; null for goods that the counter weighs first. */
  readonly code: string | null;
  readonly name_zh: string;
  readonly name_en: string;
  readonly brand: string;
  readonly category: string;
  readonly sold_by: "piece" | "weight";
  readonly unit: "piece" | "kg";
  readonly unit_price: Money;
  readonly deposit: Money;
  readonly quantity_text: string;
  readonly age_limit: number | null;
  readonly eas: boolean;
}

export interface ShelfPage {
  readonly products: readonly ShelfProduct[];
  readonly next_page: number | null;
}

export interface Department {
  readonly slug: string;
  readonly zh: string;
  readonly en: string;
  readonly count: number;
}

export interface WeighedLabel {
  readonly code: string;
  readonly weight_g: number;
  readonly price: Money;
}

const quote = encodeURIComponent;

export const readStore = () => request<DemoStore>("/demo/api/store");

export function shelfPage(query: string, category: string | null, page: number): Promise<ShelfPage> {
  const wanted = new URLSearchParams({ query, page: String(page) });
  if (category !== null) wanted.set("category", category);
  return request<ShelfPage>(`/api/catalogue/products?${wanted.toString()}`);
}

export const departments = () => request<Department[]>("/api/catalogue/categories");

export const weighedLabel = (gtin: string, weight_g: number) =>
  request<WeighedLabel>(`/api/catalogue/products/${quote(gtin)}/label?weight_g=${weight_g}`);

export const barcodeUrl = (code: string) => `/api/catalogue/barcodes/${quote(code)}.svg`;

/** What a shopper sees before a pay kiosk: the money that it knows, what lies in its trays, and its card terminal. */
export interface KioskWorld {
  readonly coins: readonly string[];
  readonly notes: readonly string[];
  readonly tray: Readonly<Record<string, number>>;
  readonly terminal: { readonly waiting: boolean };
  readonly receipts: number;
}

export type CardOutcome = "approve" | "decline";

export function kioskApi(kiosk: string) {
  const base = `/demo/api/kiosks/${quote(kiosk)}`;
  const post = (path: string, body: unknown) => request<KioskWorld>(`${base}/${path}`, { method: "POST", body });
  return {
    read: () => request<KioskWorld>(base),
    says: () => request<KioskState>(`/kiosks/${quote(kiosk)}/state`),
    insert: (denomination: string, is_false = false) => post("cash", { denomination, false: is_false }),
    present: (outcome: CardOutcome) => post("card", { entry: "contactless", outcome }),
    show: (code: string) => post("scanner", { code }),
  };
}

export function laneApi(lane: string) {
  const base = `/demo/api/lanes/${quote(lane)}`;
  const post = (path: string, body: unknown) => request<LaneWorld>(`${base}/${path}`, { method: "POST", body });
  return {
    read: () => request<LaneWorld>(base),
    /** What the lane's own screen says. */
    says: () => request<LaneState>(`/lanes/${quote(lane)}/state`),
    lay: (goods: readonly CarriedGood[]) => post("belt", { goods }),
    takeOff: () => request<LaneWorld>(`${base}/belt`, { method: "DELETE" }),
    plugScale: (plugged: boolean) => post("scale", { plugged }),
    show: (code: string) => post("scanner", { code }),
    walk: (goods: readonly CarriedGood[]) => request<LaneWalk>(`${base}/walk`, { method: "POST", body: { goods } }),
  };
}

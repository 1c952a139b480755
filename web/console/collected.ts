import type { Money, Suspect } from "../shared/types.ts";
import type { Found, Goods } from "./api.ts";

/** One kind of goods in staff's hands, and how many of it. */
export interface Collected {
  readonly key: string;
  readonly found: Found;
  readonly name_zh: string;
  readonly name_en: string;
  /** Of one. */
  readonly price: Money | null;
  readonly quantity: number;
  /** Sold by weight: the next one has a label of its own. */
  readonly is_weighed: boolean;
}

export type CollectedItems = readonly Collected[];

/** As the server has it. */
export const QUANTITY_MAX = 99;

/** With one more of what a code named; `key` tells goods apart that were weighed, each with its label. */
export function withScanned(items: CollectedItems, code: string, goods: Goods, key: string): CollectedItems {
  const { product_id, name_zh, name_en, price, weight_g } = goods;
  if (weight_g === null && items.some((one) => one.key === product_id)) return changed(items, product_id, 1);
  const is_weighed = weight_g !== null;
  const one = { key: is_weighed ? key : product_id, found: { code }, name_zh, name_en, price, quantity: 1, is_weighed };
  return [...items, one];
}

/** With one more of what it most likely is. */
export function withGuess(items: CollectedItems, { product_id, zh, en }: Suspect): CollectedItems {
  const key = product_id ?? "";
  if (items.some((one) => one.key === key)) return changed(items, key, 1);
  const guess = { name_zh: zh, name_en: en, price: null, quantity: 1, is_weighed: false };
  return [...items, { ...guess, key, found: { product_id: key } }];
}

/** With more or fewer of one of them; none of it is left out. */
export function changed(items: CollectedItems, key: string, change: 1 | -1): CollectedItems {
  return items
    .map((one) => (one.key === key ? { ...one, quantity: Math.min(one.quantity + change, QUANTITY_MAX) } : one))
    .filter(({ quantity }) => quantity > 0);
}

/** As the server takes them. */
export function foundIn(items: CollectedItems): readonly Found[] {
  return items.map(({ found, quantity }) => ({ ...found, quantity }));
}

/** What all of it costs before promotions; null where that is not known of one of them, or there is nothing. */
export function totalOf(items: CollectedItems): Money | null {
  const currency = items[0]?.price?.currency;
  if (currency === undefined || items.some(({ price }) => price === null)) return null;
  return {
    currency,
    amount_minor: items.reduce((sum, { price, quantity }) => sum + (price?.amount_minor ?? 0) * quantity, 0),
  };
}

import type { Basket, Line } from "../shared/types.ts";

/** For tests: a basket whose lines have these quantities. */
export function basketOf(quantities: Readonly<Record<number, number>>, version = 1): Basket {
  const zero = { amount_minor: 0, currency: "CNY" };
  const lines = Object.entries(quantities).map(([line, quantity]) => ({ line: Number(line), quantity }) as Line);
  return {
    trip_id: "trip",
    status: "shopping",
    version,
    currency: "CNY",
    lines,
    item_count: lines.reduce((sum, { quantity }) => sum + quantity, 0),
    weight_g: 0,
    subtotal: zero,
    discount: zero,
    deposit: zero,
    total: zero,
    promotions: [],
    age_limit: null,
    order_id: null,
    coupons: [],
    payable: zero,
    member: false,
  };
}

/** A product in the visitor's own trolley: what a body would carry, and how much of it the handset was told. */
export interface TrolleyGood {
  readonly gtin: string;
  readonly name_zh: string;
  readonly name_en: string;
  /** The labelled weight of weighed goods; null for goods by the piece. */
  readonly weight_g: number | null;
  readonly eas: boolean;
  readonly quantity: number;
  /** How many of them were scanned, from 0 to `quantity`. */
  readonly scanned: number;
  /** What happens to it at the lane. */
  readonly plan: Plan;
}

export type Plan = "belt" | "pocket" | "leave";

/** Weighed goods are one by one: two bags of apples are two labels. */
export function sameGood(one: Pick<TrolleyGood, "gtin" | "weight_g">, other: typeof one): boolean {
  return one.gtin === other.gtin && one.weight_g === other.weight_g;
}

/** One piece more, scanned or not. */
export function withOneMore(
  goods: readonly TrolleyGood[],
  good: Omit<TrolleyGood, "quantity" | "scanned" | "plan">,
  scanned: boolean,
): TrolleyGood[] {
  const more = scanned ? 1 : 0;
  if (!goods.some((known) => sameGood(known, good)))
    return [...goods, { ...good, quantity: 1, scanned: more, plan: "belt" }];
  return goods.map((known) =>
    sameGood(known, good) ? { ...known, quantity: known.quantity + 1, scanned: known.scanned + more } : known,
  );
}

/** Pieces that come back from the belt: what they were before is not known any more, so they count as scanned. */
export function withReturned(
  goods: readonly TrolleyGood[],
  returned: readonly Omit<TrolleyGood, "scanned" | "plan">[],
): TrolleyGood[] {
  let next = [...goods];
  for (const good of returned) {
    const known = next.find((other) => sameGood(other, good));
    next = known
      ? next.map((other) => (other === known ? { ...other, quantity: other.quantity + good.quantity } : other))
      : [...next, { ...good, scanned: good.quantity, plan: "belt" }];
  }
  return next;
}

/** The goods that the visitor means to do this with. */
export function planned(goods: readonly TrolleyGood[], plan: Plan): TrolleyGood[] {
  return goods.filter((good) => good.plan === plan);
}

export function countOf(goods: readonly { readonly quantity: number }[]): number {
  return goods.reduce((sum, { quantity }) => sum + quantity, 0);
}

/** What local storage held, if it is a trolley; anything else is an empty one. */
export function parseTrolley(text: string | null): TrolleyGood[] {
  try {
    const read: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(read) ? read.filter(isGood) : [];
  } catch {
    return [];
  }
}

function isGood(value: unknown): value is TrolleyGood {
  const good = value as Partial<TrolleyGood> | null;
  return (
    typeof good?.gtin === "string" &&
    typeof good.name_zh === "string" &&
    typeof good.name_en === "string" &&
    (good.weight_g === null || typeof good.weight_g === "number") &&
    Number.isInteger(good.quantity) &&
    Number.isInteger(good.scanned) &&
    good.quantity! > 0 &&
    ["belt", "pocket", "leave"].includes(good.plan ?? "")
  );
}

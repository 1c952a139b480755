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
  return withMore(goods, { ...good, quantity: 1, scanned: scanned ? 1 : 0, plan: "belt" });
}

/** A good as it lies on the belt: there is no label to read there, only what it is and how many. */
export type ReturnedGood = Pick<TrolleyGood, "gtin" | "name_zh" | "name_en" | "eas" | "quantity">;

/**
 * The trolley after the belt was cleared. What this visitor laid comes back as it was; more of it than that was laid
 * by somebody else, or as the order says, and counts as scanned.
 */
export function withReturned(
  goods: readonly TrolleyGood[],
  returned: readonly ReturnedGood[],
  laid: readonly TrolleyGood[],
): TrolleyGood[] {
  let next = [...goods];
  for (const good of returned) {
    const own = laid.filter(({ gtin }) => gtin === good.gtin);
    for (const piece of own) next = withMore(next, piece);
    const more = good.quantity - countOf(own);
    if (more > 0) next = withMore(next, { ...good, weight_g: null, quantity: more, scanned: more, plan: "belt" });
  }
  return next;
}

function withMore(goods: readonly TrolleyGood[], more: TrolleyGood): TrolleyGood[] {
  if (!goods.some((known) => sameGood(known, more))) return [...goods, more];
  return goods.map((known) =>
    sameGood(known, more)
      ? { ...known, quantity: known.quantity + more.quantity, scanned: known.scanned + more.scanned }
      : known,
  );
}

/** So many of each product out of the trolley, as far as it has them: what is taken, and what stays. */
export function taken(
  goods: readonly TrolleyGood[],
  wanted: readonly { readonly gtin: string; readonly quantity: number }[],
): { readonly out: TrolleyGood[]; readonly rest: TrolleyGood[] } {
  const due = new Map<string, number>();
  for (const { gtin, quantity } of wanted) due.set(gtin, (due.get(gtin) ?? 0) + quantity);
  const out: TrolleyGood[] = [];
  const rest: TrolleyGood[] = [];
  for (const good of goods) {
    const quantity = Math.min(good.quantity, due.get(good.gtin) ?? 0);
    const scanned = Math.min(good.scanned, quantity);
    due.set(good.gtin, (due.get(good.gtin) ?? 0) - quantity);
    if (quantity > 0) out.push({ ...good, quantity, scanned });
    if (quantity < good.quantity)
      rest.push({ ...good, quantity: good.quantity - quantity, scanned: good.scanned - scanned });
  }
  return { out, rest };
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

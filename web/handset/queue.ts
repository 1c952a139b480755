import type { Basket, BatchBody } from "../shared/types.ts";
import type { Keep } from "./keep.ts";

/** A product was scanned, by camera, wedge or hand. Its id is the server's key: sent again, it is the same scan. */
export interface ScanAction {
  readonly kind: "scan";
  readonly id: string;
  readonly code: string;
  readonly quantity: number;
  readonly symbology: string | null;
  readonly at: string;
}

export interface Addition {
  readonly code: string;
  readonly quantity: number;
  readonly symbology: string | null;
}

/**
 * Lines were changed, deleted or put back. `change` says how many more or fewer; what number that makes is settled
 * when the action's turn comes, and `body` keeps it, so that sending again never counts twice.
 */
export interface BatchAction {
  readonly kind: "batch";
  readonly id: string;
  readonly add: readonly Addition[];
  readonly change: readonly { line: number; by: number }[];
  readonly delete: readonly number[];
  readonly delete_coupons: readonly number[];
  readonly body: BatchBody | null;
}

export type Action = ScanAction | BatchAction;

export interface Entry {
  /** Where it is kept; sorts in the order of the actions. */
  readonly name: string;
  readonly action: Action;
}

const BEGINNING = "queue.";

/**
 * What was done and is not yet acknowledged, in order. Each action is a record of its own on the shelf: two tabs can
 * add at the same time without writing over each other.
 */
export class Queue {
  readonly #keep: Keep;
  readonly #now_ms: () => number;
  #last = 0;

  constructor(keep: Keep, now_ms: () => number) {
    this.#keep = keep;
    this.#now_ms = now_ms;
  }

  entries(): Entry[] {
    const entries: Entry[] = [];
    for (const name of this.#keep.names(BEGINNING)) {
      const action = this.#keep.read<Action>(name);
      if (action !== null) entries.push({ name, action });
    }
    return entries;
  }

  /** Adds at the end, also when the device's clock went back. */
  add(action: Action): void {
    const kept = this.#keep.names(BEGINNING).at(-1);
    const last = Math.max(this.#last, kept === undefined ? 0 : Number(kept.split(".")[1]));
    this.#last = Math.max(this.#now_ms(), last + 1);
    this.#keep.write(`${BEGINNING}${String(this.#last).padStart(16, "0")}.${action.id}`, action);
  }

  replace(entry: Entry, action: Action): void {
    this.#keep.write(entry.name, action);
  }

  /** Only after the server's durable acknowledgement, or its permanent refusal. */
  remove(entry: Entry): void {
    this.#keep.write(entry.name, null);
  }
}

/**
 * A batch as it is sent: every change becomes the quantity that it makes of the basket as the server last told it,
 * none becomes a deletion, and lines that are gone are left alone.
 */
export function settle(action: BatchAction, basket: Basket): BatchBody {
  const quantities = new Map(basket.lines.map((line) => [line.line, line.quantity]));
  const changed = new Map<number, number>();
  for (const { line, by } of action.change) {
    const before = changed.get(line) ?? quantities.get(line);
    if (before !== undefined) changed.set(line, before + by);
  }
  const gone = action.delete.filter((line) => quantities.has(line));
  const coupons = action.delete_coupons.filter((number) => basket.coupons.some(({ coupon }) => coupon === number));
  for (const [line, quantity] of changed) if (quantity < 1 && !gone.includes(line)) gone.push(line);
  return {
    id: action.id,
    add: action.add.map(({ code, quantity, symbology }) => ({
      code,
      quantity,
      ...(symbology === null ? {} : { symbology }),
    })),
    set: [...changed]
      .filter(([line, quantity]) => quantity >= 1 && !gone.includes(line))
      .map(([line, quantity]) => ({ line, quantity })),
    delete: gone,
    ...(coupons.length === 0 ? {} : { delete_coupons: coupons }),
  };
}

/** An action as it is handed to a kiosk: what was tried to be sent goes as it was, the rest as it was done. */
export function handed(action: Action): object {
  if (action.kind === "scan") {
    const { kind, id, code, quantity, symbology, at } = action;
    return { kind, id, code, quantity, at, ...(symbology === null ? {} : { symbology }) };
  }
  const { kind, id, body } = action;
  if (body !== null) return { ...body, kind };
  const parts = {
    add: action.add,
    change: action.change,
    delete: action.delete,
    delete_coupons: action.delete_coupons,
  };
  return { kind, id, ...Object.fromEntries(Object.entries(parts).filter(([, list]) => list.length > 0)) };
}

export function isEmptyBody(body: BatchBody): boolean {
  return !body.add?.length && !body.set?.length && !body.delete?.length && !body.delete_coupons?.length;
}

export interface ExpectedBasket {
  /** Line → quantity once all waiting actions are through; 0 for a line that will be gone. */
  readonly quantities: ReadonlyMap<number, number>;
  /** Coupons that will be gone. */
  readonly couponsGone: ReadonlySet<number>;
  /** Scans and additions that the server has not priced yet. */
  readonly waiting: readonly { id: string; code: string; quantity: number }[];
}

/** What the shopper sees at once, before the server has answered: quantities as they will be. */
export function expect(basket: Basket, actions: readonly Action[]): ExpectedBasket {
  const quantities = new Map(basket.lines.map((line) => [line.line, line.quantity]));
  const waiting: { id: string; code: string; quantity: number }[] = [];
  const couponsGone = new Set<number>();
  for (const action of actions) {
    if (action.kind === "scan") {
      waiting.push({ id: action.id, code: action.code, quantity: action.quantity });
      continue;
    }
    for (const coupon of action.delete_coupons) couponsGone.add(coupon);
    action.add.forEach(({ code, quantity }, index) => waiting.push({ id: `${action.id}.${index}`, code, quantity }));
    if (action.body !== null) {
      for (const { line, quantity } of action.body.set ?? []) if (quantities.has(line)) quantities.set(line, quantity);
      for (const line of action.body.delete ?? []) if (quantities.has(line)) quantities.set(line, 0);
      continue;
    }
    for (const { line, by } of action.change) {
      const before = quantities.get(line);
      if (before !== undefined) quantities.set(line, Math.max(0, before + by));
    }
    for (const line of action.delete) if (quantities.has(line)) quantities.set(line, 0);
  }
  return { quantities, couponsGone, waiting };
}

import {
  parseTrolley,
  sameGood,
  taken,
  withOneMore,
  withReturned,
  type Plan,
  type ReturnedGood,
  type TrolleyGood,
} from "./trolley.ts";

const KEY = "unqueue.demo.trolley";
const LAID = "unqueue.demo.laid";
let goods = $state.raw<readonly TrolleyGood[]>(parseTrolley(localStorage.getItem(KEY)));

function keep(next: readonly TrolleyGood[]): void {
  goods = next;
  localStorage.setItem(KEY, JSON.stringify(next));
}

addEventListener("storage", (event) => {
  if (event.key === KEY || event.key === null) goods = parseTrolley(localStorage.getItem(KEY));
});

/** The visitor's own trolley, the same in all tabs of this browser. */
export const trolley = {
  get goods(): readonly TrolleyGood[] {
    return goods;
  },
  add(good: Omit<TrolleyGood, "quantity" | "scanned" | "plan">, scanned: boolean): void {
    keep(withOneMore(goods, good, scanned));
  },
  plan(good: TrolleyGood, plan: Plan): void {
    keep(goods.map((known) => (sameGood(known, good) ? { ...known, plan } : known)));
  },
  remove(gone: readonly TrolleyGood[]): void {
    keep(goods.filter((known) => !gone.some((good) => sameGood(good, known))));
  },
  /** These lie on the belt now. */
  lay(laid: readonly TrolleyGood[]): void {
    localStorage.setItem(LAID, JSON.stringify([...parseTrolley(localStorage.getItem(LAID)), ...laid]));
    this.remove(laid);
  },
  /** So many of each product lie on the belt now: out of this trolley, as far as it has them. */
  layThese(wanted: readonly { readonly gtin: string; readonly quantity: number }[]): void {
    const { out, rest } = taken(goods, wanted);
    this.lay(out);
    keep(rest);
  },
  /** The belt was cleared into the trolley. */
  takeBack(returned: readonly ReturnedGood[]): void {
    keep(withReturned(goods, returned, parseTrolley(localStorage.getItem(LAID))));
    localStorage.removeItem(LAID);
  },
  /** Out of the door, with what lay on the belt and these. */
  carryOut(carried: readonly TrolleyGood[]): void {
    localStorage.removeItem(LAID);
    this.remove(carried);
  },
  clear(): void {
    localStorage.removeItem(LAID);
    keep([]);
  },
};

import { parseTrolley, sameGood, withOneMore, withReturned, type Plan, type TrolleyGood } from "./trolley.ts";

const KEY = "unqueue.demo.trolley";
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
  takeBack(returned: readonly Omit<TrolleyGood, "scanned" | "plan">[]): void {
    keep(withReturned(goods, returned));
  },
  clear(): void {
    keep([]);
  },
};

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Goods } from "./api.ts";
import { changed, foundIn, QUANTITY_MAX, totalOf, withGuess, withScanned, type CollectedItems } from "./collected.ts";

const yuan = (amount_minor: number) => ({ amount_minor, currency: "CNY" });
const tea: Goods = { product_id: "t", name_zh: "茶", name_en: "Tea", weight_g: null, price: yuan(900), refusal: null };
const apples: Goods = { ...tea, product_id: "a", name_zh: "苹果", name_en: "Apples", weight_g: 512, price: yuan(614) };
const NONE: CollectedItems = [];

test("collected: the same piece again is one more, and each weighed label stands for itself", () => {
  let items = withScanned(withScanned(NONE, "690", tea, "1"), "690", tea, "2");
  items = withScanned(withScanned(items, "22005", apples, "3"), "22005", apples, "4");
  assert.deepEqual(foundIn(items), [
    { code: "690", quantity: 2 },
    { code: "22005", quantity: 1 },
    { code: "22005", quantity: 1 },
  ]);
  assert.deepEqual(totalOf(items), yuan(2 * 900 + 2 * 614));
  assert.deepEqual(foundIn(changed(changed(items, "t", -1), "3", -1)), [
    { code: "690", quantity: 1 },
    { code: "22005", quantity: 1 },
  ]);
});

test("collected: what it most likely is, is the same thing as when it is scanned then", () => {
  const guess = { kind: "missed", zh: "茶", en: "Tea", product_id: "t" } as const;
  const items = withScanned(withGuess(NONE, guess), "690", tea, "1");
  assert.deepEqual(foundIn(withGuess(items, guess)), [{ product_id: "t", quantity: 3 }]);
});

test("collected: nothing and what has no price have no total", () => {
  assert.equal(totalOf(NONE), null);
  assert.equal(totalOf(withScanned(withScanned(NONE, "690", tea, "1"), "7", { ...apples, price: null }, "2")), null);
});

test("collected: no more than the server takes", () => {
  let items = withScanned(NONE, "690", tea, "1");
  for (let count = 0; count < QUANTITY_MAX + 5; count += 1) items = changed(items, "t", 1);
  assert.equal(items[0]?.quantity, QUANTITY_MAX);
});

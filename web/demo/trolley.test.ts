import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, parseTrolley, planned, withOneMore, withReturned, type TrolleyGood } from "./trolley.ts";

const MILK = { gtin: "06901234567892", name_zh: "牛奶", name_en: "Milk", weight_g: null, eas: false };
const APPLES = { gtin: "02100000000005", name_zh: "苹果", name_en: "Apples", weight_g: 846, eas: false };

test("trolley: the same product adds up, scanned or not", () => {
  const goods = [true, false, true].reduce<TrolleyGood[]>((now, scanned) => withOneMore(now, MILK, scanned), []);
  assert.deepEqual(goods, [{ ...MILK, quantity: 3, scanned: 2, plan: "belt" }]);
});

test("trolley: bags of different weight stay apart", () => {
  const goods = withOneMore(withOneMore([], APPLES, true), { ...APPLES, weight_g: 500 }, true);
  assert.equal(goods.length, 2);
  assert.equal(countOf(goods), 2);
});

test("trolley: what comes back from the belt joins its like, or lies on top", () => {
  const goods = withOneMore([], MILK, false);
  const back = withReturned(goods, [
    { ...MILK, quantity: 2 },
    { ...APPLES, quantity: 1 },
  ]);
  assert.deepEqual(
    back.map(({ gtin, quantity }) => [gtin, quantity]),
    [
      [MILK.gtin, 3],
      [APPLES.gtin, 1],
    ],
  );
});

test("trolley: plans tell what goes where", () => {
  const goods: TrolleyGood[] = [
    { ...MILK, quantity: 1, scanned: 1, plan: "belt" },
    { ...APPLES, quantity: 1, scanned: 0, plan: "pocket" },
  ];
  assert.deepEqual(planned(goods, "pocket"), [goods[1]]);
  assert.deepEqual(planned(goods, "leave"), []);
});

test("trolley: what was kept is read again, and nonsense is an empty trolley", () => {
  const goods = withOneMore([], MILK, true);
  assert.deepEqual(parseTrolley(JSON.stringify(goods)), goods);
  for (const text of [null, "", "{", "{}", "null", '[{"gtin":1}]', '[{"gtin":"1","quantity":-1}]'])
    assert.deepEqual(parseTrolley(text), [], String(text));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, parseTrolley, planned, taken, withOneMore, withReturned, type TrolleyGood } from "./trolley.ts";

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

test("trolley: what comes back from the belt is what was laid there, and more of it joins its like", () => {
  const [milk] = withOneMore([], MILK, false);
  const [apples] = withOneMore([], APPLES, true);
  const returned = [
    { ...MILK, quantity: 3 },
    { ...APPLES, quantity: 1 },
  ];
  const back = withReturned([milk!], returned, [milk!, apples!]);
  assert.deepEqual(back, [{ ...milk!, quantity: 4, scanned: 2 }, apples!]);
});

test("trolley: what somebody else laid comes back as goods of the order", () => {
  const back = withReturned([], [{ ...MILK, quantity: 2 }], []);
  assert.deepEqual(back, [{ ...MILK, quantity: 2, scanned: 2, plan: "belt" }]);
});

test("trolley: what the order asks for is taken out, and the rest stays", () => {
  const goods: TrolleyGood[] = [
    { ...MILK, quantity: 3, scanned: 1, plan: "belt" },
    { ...APPLES, quantity: 1, scanned: 1, plan: "belt" },
  ];
  const { out, rest } = taken(goods, [
    { gtin: MILK.gtin, quantity: 2 },
    { gtin: "00000000000000", quantity: 1 },
  ]);
  assert.deepEqual(out, [{ ...goods[0], quantity: 2, scanned: 1 }]);
  assert.deepEqual(rest, [{ ...goods[0], quantity: 1, scanned: 0 }, goods[1]]);
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

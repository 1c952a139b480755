import assert from "node:assert/strict";
import { test } from "node:test";
import type { Desk, DeskLine } from "../types.ts";
import { count, everything, lineOf, NOTHING, pick, still, wanted } from "./returns.ts";

const money = { amount_minor: 0, currency: "CNY" };

function line(number: number, left: number): DeskLine {
  return {
    line: number,
    gtin: "",
    name_zh: "",
    name_en: "",
    sold_by: "piece",
    quantity: 5,
    weight_g: null,
    left,
    worth: money,
  };
}

function desk(...lines: DeskLine[]): Desk {
  return { order_id: "", number: "", status: "paid", paid_at: null, total: money, lines, tenders: [], returns: [] };
}

for (const [quantity, held] of [
  [-1, undefined],
  [0, undefined],
  [1, 1],
  [3, 3],
  [4, 3],
] as const)
  test(`${quantity} of a line with 3 left`, () => assert.equal(pick(NOTHING, line(1, 3), quantity).get(1), held));

test("a line that came back whole can't be picked", () => assert.equal(pick(NOTHING, line(1, 0), 1).size, 0));

test("picking changes no earlier choice", () => {
  const one = pick(NOTHING, line(1, 3), 1);
  pick(one, line(1, 3), 2);
  assert.deepEqual([one.get(1), NOTHING.size], [1, 0]);
});

test("everything is all that is left, told line by line", () => {
  const all = everything(desk(line(2, 1), line(1, 3), line(3, 0)));
  assert.deepEqual(wanted(all), [
    { line: 1, quantity: 3 },
    { line: 2, quantity: 1 },
  ]);
  assert.equal(count(all), 4);
});

test("what a colleague took back meanwhile is no longer picked", () => {
  const picked = pick(pick(NOTHING, line(1, 3), 3), line(2, 1), 1);
  assert.deepEqual(wanted(still(picked, desk(line(1, 2), line(2, 0)))), [{ line: 1, quantity: 2 }]);
});

test("a scanned product is one more of its line, as long as there is one more", () => {
  const milk = { ...line(1, 1), gtin: "06901234567892" };
  const order = desk(line(2, 1), milk);
  assert.equal(lineOf(order, NOTHING, "6901234567892"), milk);
  assert.equal(lineOf(order, pick(NOTHING, milk, 1), "6901234567892"), null);
  for (const code of ["6901234567893", "", "R-20260102-000017"]) assert.equal(lineOf(order, NOTHING, code), null);
});

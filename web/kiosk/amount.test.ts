import assert from "node:assert/strict";
import { test } from "node:test";
import { partOf, shares, typedAmount } from "./amount.ts";

const yuan = (amount_minor: number) => ({ amount_minor, currency: "CNY" });

test("digits are minor units", () => {
  assert.deepEqual(typedAmount("2050", "CNY"), yuan(2050));
  assert.deepEqual(typedAmount("", "CNY"), yuan(0));
  assert.deepEqual(typedAmount("0007", "CNY"), yuan(7));
});

test("a part is more than nothing and at most what is due", () => {
  assert.equal(partOf(yuan(0), yuan(500)), "nothing");
  assert.equal(partOf(yuan(1), yuan(500)), "part");
  assert.equal(partOf(yuan(500), yuan(500)), "all");
  assert.equal(partOf(yuan(501), yuan(500)), "too_much");
});

test("equal shares cover what is due, with less than one minor unit each too much", () => {
  for (const due of [1, 2, 3, 4, 999, 1000, 8641]) {
    for (const { people, amount } of shares(yuan(due))) {
      assert.ok(amount.amount_minor * people >= due && (amount.amount_minor - 1) * people < due, `${due}/${people}`);
    }
  }
  assert.deepEqual(
    shares(yuan(2)).map(({ people }) => people),
    [2],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAmount, roundAmounts, typedAmount } from "./amounts.ts";

for (const [text, currency, amount_minor] of [
  ["12.5", "CNY", 1250],
  ["12", "CNY", 1200],
  ["12.", "CNY", 1200],
  ["0.05", "CNY", 5],
  ["12,50", "CNY", 1250],
  [" ¥ 1 200 ", "CNY", 120000],
  ["１２．５０", "CNY", 1250],
  ["12。5", "CNY", 1250],
  ["100000", "CNY", 10_000_000],
  ["500", "JPY", 500],
  ["1.234", "KWD", 1234],
  ["100000.01", "CNY", null],
  ["1.234", "CNY", null],
  ["1,234.50", "CNY", null],
  ["500.5", "JPY", null],
  ["0", "CNY", null],
  ["0.00", "CNY", null],
  ["-5", "CNY", null],
  ["", "CNY", null],
  ["five", "CNY", null],
  ["1e3", "CNY", null],
] as const)
  test(`${JSON.stringify(text)} in ${currency}`, () => assert.equal(parseAmount(text, currency), amount_minor));

for (const currency of ["CNY", "JPY", "KWD"])
  test(`round amounts in ${currency} can be typed`, () => {
    for (const amount_minor of roundAmounts(currency))
      assert.equal(parseAmount(typedAmount(amount_minor, currency), currency), amount_minor);
  });

test("what is typed has no needless decimals", () => {
  assert.deepEqual(
    [typedAmount(5000, "CNY"), typedAmount(1250, "CNY"), typedAmount(5, "CNY")],
    ["50", "12.50", "0.05"],
  );
});

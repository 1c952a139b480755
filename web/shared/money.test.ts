import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentOf, formatMoney, formatMoneyOff, formatRate } from "./money.ts";

const money = (amount_minor: number, currency: string) => ({ amount_minor, currency });

for (const [amount_minor, currency, locale, text] of [
  [1290, "CNY", "zh-CN", "¥12.90"],
  [1290, "CNY", "en-GB", "¥12.90"],
  [5, "CNY", "zh-CN", "¥0.05"],
  [-645, "CNY", "en-GB", "-¥6.45"],
  [123456789, "CNY", "zh-CN", "¥1,234,567.89"],
  [1290, "JPY", "en-GB", "¥1,290"],
  [1290, "EUR", "en-GB", "€12.90"],
  [1290, "KWD", "en-GB", "KWD 1.290"],
  [0, "USD", "en-GB", "$0.00"],
] as const) {
  test(`${amount_minor} ${currency} in ${locale} is ${text}`, () => {
    assert.equal(formatMoney(money(amount_minor, currency), locale).replace(/\u00a0/g, " "), text);
  });
}

test("what is taken off has a minus", () => assert.equal(formatMoneyOff(money(645, "CNY"), "zh-CN"), "-¥6.45"));

test("the exponent is the currency's own", () => {
  assert.deepEqual(["CNY", "JPY", "KWD"].map(exponentOf), [2, 0, 3]);
});

test("a rate in basis points is per cent", () => {
  assert.deepEqual(
    [1300, 900, 0, 525].map((rate) => formatRate(rate, "en-GB")),
    ["13%", "9%", "0%", "5.25%"],
  );
});

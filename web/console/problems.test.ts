import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../shared/api.ts";
import { forStaff } from "./problems.ts";

const shopper = { zh: "请交给店员看一下", en: "Please show it to our staff.", permanent: true };

for (const [code, zh, en] of [
  ["product_unknown", /条码是 96385074 的商品/, /the barcode 96385074\./],
  ["product_recalled", /^“牛奶”正在召回/, /^Milk is being recalled/],
  ["price_missing", /^“牛奶”还没有定价/, /^Milk has no price yet/],
] as const)
  test(`${code} does not send staff to staff`, () => {
    const told = { gtin: "00000096385074", name_zh: "牛奶", name_en: "Milk" };
    const problem = forStaff(new Problem({ ...shopper, ...told, code }, 404));
    assert.match(problem.zh, zh);
    assert.match(problem.en, en);
    assert.doesNotMatch(problem.zh + problem.en, /店员|staff/);
    assert.deepEqual([problem.code, problem.status, problem.permanent], [code, 404, true]);
  });

test("other refusals stay as they are", () => {
  const problem = new Problem({ ...shopper, code: "call_answered" }, 409);
  assert.equal(forStaff(problem), problem);
});

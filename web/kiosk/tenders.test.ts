import assert from "node:assert/strict";
import { test } from "node:test";
import { lookOf } from "./tenders.ts";

test("a way to pay looks like what the shopper has in hand", () => {
  assert.equal(lookOf("cash"), "cash");
  assert.equal(lookOf("nexo_terminal"), "card");
  assert.equal(lookOf("zvt_terminal"), "card");
  assert.equal(lookOf("stored_value"), "stored");
  for (const kind of ["wechat_pay", "alipay", "unionpay", "sandbox_wallet", "a new one"]) {
    assert.equal(lookOf(kind), "wallet");
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { detailIn } from "./details.ts";

const CUT_OFF = "left here while the lane was cut off, and the server does not take that: order_left";

for (const [detail, zh, en] of [
  ["the deactivator counted 1 of the order's 3 tags", "订单有 3 个标签，消磁器数到 1 个", /3 tags.* counted 1/],
  [
    "the gate's counter began anew: did the shopper of order 123456789 leave?",
    "门的计数器重新开始了：请看一下订单 123 456 789 的顾客有没有离开",
    /order 123 456 789/,
  ],
  ["order 123456789", "订单 123 456 789", /^Order 123 456 789$/],
  ["scale: no answer: timeout", "秤：no answer: timeout", /^Scale: no answer: timeout$/],
  [`order 123456789 ${CUT_OFF}`, "订单 123 456 789 在断网时从这里出场，服务器不认：order_left", /order_left$/],
  [`the order of exit ab12 ${CUT_OFF}`, "一张订单（出场 ab12）在断网时从这里出场，服务器不认：order_left", /ab12/],
] as const)
  test(`both languages say: ${detail}`, () => {
    assert.equal(detailIn("zh", detail), zh);
    assert.match(detailIn("en", detail), en);
  });

test("what is not known stays as it is", () => {
  for (const detail of ["请到 3 号货架", "toaster: burnt", "the deactivator counted"])
    assert.equal(detailIn("zh", detail), detail);
});

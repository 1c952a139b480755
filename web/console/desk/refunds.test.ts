import assert from "node:assert/strict";
import { test } from "node:test";
import type { PaidBy, RefundWay } from "../types.ts";
import { isReady, needsOf } from "./refunds.ts";

const CASES: readonly [RefundWay, PaidBy | null, string, boolean][] = [
  ["by_hand", null, "", true],
  ["release", null, "", false],
  ["release", null, "looked", true],
  ["settle", null, "looked", false],
  ["settle", "bank", " ", false],
  ["settle", "cash", "looked", true],
];
for (const [way, paid_by, reason, ready] of CASES)
  test(`${way} ${paid_by} “${reason}” ${ready ? "can" : "can't"} be sent`, () =>
    assert.equal(isReady(way, paid_by, reason), ready));

test("only handing over is everybody's", () =>
  assert.deepEqual((["by_hand", "release", "settle"] as const).map(needsOf), [
    "hand_over",
    "settle_refunds",
    "settle_refunds",
  ]));

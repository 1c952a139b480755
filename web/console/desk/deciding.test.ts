import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decision, StuckPayment } from "../types.ts";
import { missing, waysToKnow } from "./deciding.ts";

const card = { decide: ["succeeded", "failed"], payment: { place: "kiosk-1" } } as unknown as StuckPayment;
const cash = { decide: ["failed"], payment: { place: "kiosk-1" } } as unknown as StuckPayment;
const arrived: Decision = { status: "succeeded", reference: "000117", reason: "terminal" };

for (const [what, decision, lacks] of [
  ["nothing chosen", null, "status"],
  ["money without the terminal's number", { ...arrived, reference: " " }, "reference"],
  ["no reason", { ...arrived, reason: "" }, "reason"],
  ["nothing arrived, which needs no number", { ...arrived, status: "failed", reference: "" }, null],
  ["everything", arrived, null],
] as const)
  test(`${what}: ${lacks ?? "it can be sent"}`, () => assert.equal(missing(card, decision), lacks));

test("of cash nobody can say that it arrived", () => assert.equal(missing(cash, arrived), "status"));

test("a card is looked up elsewhere than cash", () => {
  assert.ok(waysToKnow(card, "succeeded").includes("slip"));
  assert.deepEqual(waysToKnow(cash, "failed"), ["cash", "dead", "other"]);
});

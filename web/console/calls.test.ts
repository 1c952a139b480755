import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../shared/types.ts";
import { CHOICES, inOrder, patience, stopwatch } from "./calls.ts";

function call(id: string, kind: Call["kind"], minute: number, status: Call["status"] = "open"): Call {
  return {
    id,
    kind,
    status,
    lane: "lane-1",
    exit_id: null,
    order: null,
    opened_at: `2026-01-02T10:${String(minute).padStart(2, "0")}:00Z`,
    answered_at: null,
    answered_by: null,
    action: null,
    reason: null,
    evidence: null,
  };
}

test("the queue: a live tag first, then whoever waits longest, devices last, answered ones not at all", () => {
  const calls = [
    call("device", "device", 1),
    call("weight", "weight", 7),
    call("help", "help", 5),
    call("tag", "live_tag", 9),
    call("answered", "weight", 2, "answered"),
    call("age", "min_age", 6),
  ];
  assert.deepEqual(
    inOrder(calls).map(({ id }) => id),
    ["tag", "help", "age", "weight", "device"],
  );
});

test("the queue: calls of the same moment keep one order however they arrive", () => {
  const [one, other] = [call("a", "weight", 3), call("b", "weight", 3)];
  assert.deepEqual(inOrder([one, other]), inOrder([other, one]));
});

for (const [waited_ms, text] of [
  [-4_000, "0:00"],
  [0, "0:00"],
  [59_999, "0:59"],
  [125_000, "2:05"],
  [3_600_000, "1:00:00"],
  [3_725_000, "1:02:05"],
] as const)
  test(`stopwatch: ${waited_ms} ms is ${text}`, () => assert.equal(stopwatch(waited_ms), text));

test("patience ends after two minutes", () => {
  assert.deepEqual([0, 59_999, 60_000, 119_999, 120_000].map(patience), ["fine", "fine", "long", "long", "too_long"]);
});

test("answers: what needs a reason offers some, and each kind has one primary answer, shown first", () => {
  for (const [kind, choices] of Object.entries(CHOICES)) {
    assert.deepEqual(
      choices.map(({ look }) => look === "primary"),
      choices.map((_, index) => index === 0),
      kind,
    );
    for (const choice of choices) assert.equal(choice.needed, choice.reasons.length > 0, `${kind} ${choice.action}`);
  }
});

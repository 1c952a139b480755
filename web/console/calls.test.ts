import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call } from "../shared/types.ts";
import {
  adviceOf,
  choicesOf,
  findingOf,
  inOrder,
  SHOP_FLOOR,
  unpaidGuesses,
  patience,
  stopwatch,
  titleOf,
  uncounted,
} from "./calls.ts";

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
    evidence_id: "1",
    actions: [],
    payable: false,
    looked_by: null,
    security: null,
    finding: null,
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

const ANSWERS: readonly (readonly [Call["kind"], Call["actions"]])[] = [
  ["weight", ["let_go", "take_off", "reweigh", "refuse"]],
  ["min_age", ["let_go", "refuse"]],
  ["other_lane", ["let_go", "refuse"]],
  ["live_tag", ["let_go", "done"]],
  ["device", ["done"]],
  ["device", ["done", "let_go", "refuse"]],
  ["help", ["done"]],
  ["help", ["done", "let_go", "refuse"]],
  ["help", ["open_again", "done"]],
];
for (const [kind, actions] of ANSWERS)
  test(`answers: ${kind} (${actions.join(", ")}): all of them, one primary and first, reasons where needed`, () => {
    const choices = choicesOf({ ...call("a", kind, 1), actions: actions.toReversed() });
    assert.deepEqual(
      choices.map(({ action }) => action),
      actions,
    );
    assert.deepEqual(
      choices.map(({ look }) => look === "primary"),
      choices.map((_, index) => index === 0),
    );
    for (const choice of choices) assert.equal(choice.needed, choice.reasons.length > 0, choice.action);
  });

test("answers: at the gate “done” says that the shopper has left, and nowhere else", () => {
  const label = (actions: Call["actions"]) =>
    choicesOf({ ...call("a", "help", 1), actions }).find(({ action }) => action === "done")?.label;
  assert.equal(label(["done", "open_again"]), "console.left");
  assert.equal(label(["done", "let_go", "refuse"]), "console.helped");
  assert.deepEqual(choicesOf({ ...call("a", "help", 1), actions: [] }), []);
});

test("answers: an audit is let go with its result, or by name without one", () => {
  const audit = { ...call("a", "audit", 1), actions: ["let_go", "refuse"] as Call["actions"] };
  const found = { ...audit, evidence: { audit: "full", outcome: "differences" } } as const;
  assert.deepEqual(
    choicesOf(audit).map(({ label, look }) => [label, look]),
    [["console.audit_skip", "secondary"]],
  );
  assert.deepEqual(
    choicesOf(found).map(({ action, needed }) => [action, needed]),
    [
      ["let_go", true],
      ["refuse", true],
    ],
  );
  assert.deepEqual([adviceOf(audit), adviceOf(found)], ["console.advice.audit", "console.advice.audit_found"]);
});

test("advice: of the kind, and of what can be done", () => {
  const advice = (kind: Call["kind"], actions: Call["actions"]) => adviceOf({ ...call("a", kind, 1), actions });
  assert.equal(advice("help", ["done", "open_again"]), "console.advice.gate");
  assert.equal(advice("help", ["done"]), "console.advice.help");
  assert.equal(advice("device", ["done"]), "console.advice.device");
  assert.equal(advice("device", ["done", "let_go", "refuse"]), "console.advice.device_at_order");
});

test("advice: goods that the gate read are named, whatever the bell says", () => {
  const good = { product_id: "wine", name_zh: "红酒", name_en: "Wine", read: 2, paid: 1 };
  const bell = { ...call("a", "live_tag", 1), evidence: { cause: "not_on_order" as const } };
  assert.equal(adviceOf(bell), "console.advice.not_on_order");
  assert.equal(adviceOf({ ...bell, evidence: { ...bell.evidence, goods: [good] } }), "console.advice.goods_at_gate");
});

test("the queue: a guard’s call before all, and whoever is not at a lane yet last", () => {
  const guarded = { ...call("guarded", "help", 9), security: { by: "A", at: "2026-01-02T10:09:00Z", reason: "x" } };
  const early = { ...call("early", "min_age", 1), lane: SHOP_FLOOR };
  const calls = [early, call("tag", "live_tag", 2), call("weight", "weight", 3), guarded];
  assert.deepEqual(
    inOrder(calls).map(({ id }) => id),
    ["guarded", "tag", "weight", "early"],
  );
});

test("findings: what a reason says of the goods, only where they were looked at", () => {
  assert.equal(findingOf(call("a", "weight", 1), "console.reason.own_bag"), "nothing");
  assert.equal(findingOf(call("a", "weight", 1), "console.reason.put_back"), "unpaid");
  assert.equal(findingOf(call("a", "live_tag", 1), "console.reason.walked_on"), null);
  assert.equal(findingOf(call("a", "help", 1), "console.reason.checked"), null);
});

test("guesses: what may lie there unpaid, of which the product is known", () => {
  const suspects = [
    { kind: "missed", zh: "茶", en: "Tea", product_id: "tea" },
    { kind: "missed", zh: "一件商品", en: "An item" },
    { kind: "extra", zh: "奶", en: "Milk", product_id: "milk" },
    { kind: "more", zh: "茶", en: "Tea", product_id: "tea" }, // one more of what is missed: one tap for both
  ] as const;
  const found = unpaidGuesses({ ...call("a", "weight", 1), evidence: { suspects } });
  assert.deepEqual(
    found.map(({ product_id }) => product_id),
    ["tea"],
  );
});

test("how many goods an order has is not told until its audit has counted them", () => {
  const order = { id: "o1", number: "123456789", item_count: 3, total: { amount_minor: 1, currency: "CNY" } };
  const due = { ...call("a", "audit", 1), order };
  assert.deepEqual([...uncounted([due, { ...call("b", "weight", 2), order }])], ["o1"]);
  assert.equal(uncounted([{ ...due, evidence: { outcome: "differences" } }]).size, 0);
  assert.equal(uncounted([{ ...due, status: "answered" }]).size, 0);
  assert.equal(uncounted([{ ...call("b", "weight", 2), order }]).size, 0);
});

test("a lane that has something to say does not say that a shopper asks for help", () => {
  const help = call("a", "help", 1);
  assert.equal(titleOf(help), "console.kind.help");
  assert.equal(titleOf({ ...help, evidence: { detail: "order 123456789" } }), "console.kind.help"); // at a kiosk
  assert.equal(
    titleOf({ ...help, evidence: { detail: "the fire alarm is active: the gate is kept open" } }),
    "console.kind.help_lane",
  );
});

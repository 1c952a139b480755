import assert from "node:assert/strict";
import { test } from "node:test";
import type { BasketCoupon } from "../shared/types.ts";
import { Keep, MemoryShelf } from "./keep.ts";
import { expect, isEmptyBody, Queue, settle, type Action, type BatchAction } from "./queue.ts";
import { basketOf } from "./testing.ts";

const scan = (id: string, code = "6901234567892"): Action => ({
  kind: "scan",
  id,
  code,
  quantity: 1,
  symbology: null,
  at: "2026-01-02T03:04:05Z",
});

const batch = (parts: Partial<BatchAction>): BatchAction => ({
  kind: "batch",
  id: "b",
  add: [],
  change: [],
  delete: [],
  delete_coupons: [],
  body: null,
  ...parts,
});

test("actions come out in the order they went in, even when the clock goes back", () => {
  const times = [5000, 4000, 4000, 9000, 1];
  const queue = new Queue(new Keep(new MemoryShelf()), () => times.shift()!);
  for (const id of ["a", "b", "c", "d", "e"]) queue.add(scan(id));
  assert.deepEqual(
    queue.entries().map(({ action }) => action.id),
    ["a", "b", "c", "d", "e"],
  );
});

test("the queue outlives the page, and a second tab adds behind it", () => {
  const shelf = new MemoryShelf();
  const first = new Queue(new Keep(shelf), () => 10_000);
  first.add(scan("a"));
  const second = new Queue(new Keep(shelf), () => 20);
  second.add(scan("b"));
  first.remove(first.entries()[0]!);
  assert.deepEqual(
    new Queue(new Keep(shelf), () => 0).entries().map(({ action }) => action.id),
    ["b"],
  );
});

test("clearing leaves nothing of ours and everything of others", () => {
  const shelf = new MemoryShelf();
  const keep = new Keep(shelf);
  new Queue(keep, () => 1).add(scan("a"));
  keep.write("trip", { id: "1", token: "secret" });
  shelf.setItem("unqueue.console.language", "zh");
  keep.clear();
  assert.equal(shelf.length, 1);
});

test("a change is settled on the basket of the moment it is sent", () => {
  const action = batch({
    change: [
      { line: 1, by: 1 },
      { line: 1, by: 1 },
      { line: 2, by: -1 },
    ],
    delete: [3, 9],
  });
  const body = settle(action, basketOf({ 1: 2, 2: 1, 3: 4 }));
  assert.deepEqual(body, { id: "b", add: [], set: [{ line: 1, quantity: 4 }], delete: [3, 2] });
});

test("a line that is gone is left alone", () => {
  const body = settle(batch({ change: [{ line: 7, by: 1 }], delete: [8] }), basketOf({ 1: 1 }));
  assert.ok(isEmptyBody(body));
});

test("what is put back carries its symbology only where it is known", () => {
  const add = [
    { code: "A", quantity: 2, symbology: "]C1" },
    { code: "B", quantity: 1, symbology: null },
  ];
  assert.deepEqual(settle(batch({ add }), basketOf({})).add, [
    { code: "A", quantity: 2, symbology: "]C1" },
    { code: "B", quantity: 1 },
  ]);
});

test("the shopper sees the quantities as they will be, settled or not", () => {
  const basket = basketOf({ 1: 2, 2: 1, 3: 5 });
  const sent: BatchAction = {
    ...batch({ change: [{ line: 1, by: 1 }] }),
    body: { id: "b", set: [{ line: 1, quantity: 3 }], delete: [2] },
  };
  const { quantities, waiting } = expect(basket, [
    sent,
    scan("s", "4006381333931"),
    batch({
      change: [
        { line: 1, by: 1 },
        { line: 3, by: -9 },
      ],
    }),
    batch({ id: "u", add: [{ code: "A", quantity: 2, symbology: null }] }),
  ]);
  assert.deepEqual(
    [...quantities],
    [
      [1, 4],
      [2, 0],
      [3, 0],
    ],
  );
  assert.deepEqual(waiting, [
    { id: "s", code: "4006381333931", quantity: 1 },
    { id: "u.0", code: "A", quantity: 2 },
  ]);
});

test("a coupon that is taken out is gone at once, and one that is gone already is left alone", () => {
  const coupon = { coupon: 2 } as BasketCoupon;
  const basket = { ...basketOf({ 1: 1 }), coupons: [coupon] };
  const action = batch({ delete_coupons: [2, 9] });
  assert.deepEqual([...expect(basket, [action]).couponsGone], [2, 9]);
  assert.deepEqual(settle(action, basket).delete_coupons, [2]);
  assert.equal(isEmptyBody(settle(action, basket)), false);
  assert.equal(isEmptyBody(settle(action, basketOf({ 1: 1 }))), true);
});

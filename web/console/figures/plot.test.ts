import assert from "node:assert/strict";
import { test } from "node:test";
import { axisEnd, daysBefore, drawn, HEIGHT, WIDTH, type Bar } from "./plot.ts";

const bar = (value: number | null, more: Partial<Bar> = {}): Bar => ({ label: "", value, ...more });

for (const [most, end] of [
  [0, 1],
  [1, 1],
  [1.1, 2],
  [3, 5],
  [0.013, 0.02],
  [5, 5],
  [51, 100],
  [200, 200],
] as const)
  test(`the axis of ${most} ends at ${end}`, () => assert.ok(Math.abs(axisEnd([bar(most)]) - end) < 1e-9));

test("the axis holds what is behind, and where the value may lie", () => {
  assert.equal(axisEnd([bar(1, { behind: 40 })]), 50);
  assert.equal(axisEnd([bar(1, { interval: [0, 7] })]), 10);
  assert.equal(axisEnd([]), 1);
});

test("bars stand on the ground, inside the box, beside each other", () => {
  const found = drawn([bar(10), bar(null), bar(5, { behind: 10, interval: [4, 8] })], 10);
  assert.deepEqual(
    found.map(({ y, height }) => y + height),
    [HEIGHT, HEIGHT, HEIGHT],
  );
  assert.deepEqual([found[0]!.height, found[1]!.height, found[2]!.height], [HEIGHT, 0, HEIGHT / 2]);
  assert.equal(found[2]!.behind?.height, HEIGHT);
  assert.ok(found[2]!.interval!.to < found[2]!.y && found[2]!.y < found[2]!.interval!.from);
  assert.ok(found[0]!.x + found[0]!.width < found[1]!.x && found[2]!.x + found[2]!.width < WIDTH);
});

test("days are counted by the calendar", () => {
  assert.equal(daysBefore("2026-03-01", 1), "2026-02-28");
  assert.equal(daysBefore("2026-01-05", 6), "2025-12-30");
});

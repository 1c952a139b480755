import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestToMiddle } from "./decoding.ts";
import { RepeatGuard } from "./repeat.ts";

const FRAME_MS = 90;

/** Shows frames one after another (each the codes in view, the meant one first) and answers what counted. */
function show(frames: readonly (readonly string[])[], guard = new RepeatGuard()): string[] {
  const counted = frames.map((codes, index) => guard.frame(index * FRAME_MS, codes, codes[0] ?? null));
  return counted.filter((code) => code !== null);
}

const times = (count: number, ...codes: string[]) => Array.from({ length: count }, () => codes);

test("a code that stays in view counts once, however long", () => {
  assert.deepEqual(show(times(600, "A")), ["A"]);
});

test("a blurred moment is not leaving", () => {
  assert.deepEqual(show([...times(5, "A"), ...times(7), ...times(5, "A")]), ["A"]);
});

test("a code that left the view counts again", () => {
  assert.deepEqual(show([...times(5, "A"), ...times(12), ...times(5, "A")]), ["A", "A"]);
});

test("two frames without it do not make it gone, however slow the phone decodes", () => {
  const guard = new RepeatGuard();
  assert.equal(guard.frame(0, ["A"], "A"), "A");
  assert.equal(guard.frame(2000, [], null), null);
  assert.equal(guard.frame(4000, ["A"], "A"), null);
});

test("going back and forth between two codes counts each once while they stay", () => {
  assert.deepEqual(show([["A"], ["B"], ["A"], ["B"], ["A"]]), ["A", "B"]);
});

test("a neighbour counts when it is moved to the middle", () => {
  assert.deepEqual(show([...times(3, "A", "B"), ...times(3, "B", "A")]), ["A", "B"]);
});

test("the code nearest to the middle is meant", () => {
  const at = (code: string, x: number, y: number) => ({ code, symbology: "]E0", x, y });
  assert.equal(nearestToMiddle([at("A", 0.1, 0.5), at("B", 0.6, 0.4), at("C", 0.5, 0.9)])?.code, "B");
  assert.equal(nearestToMiddle([]), null);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { counts, judge, withoutLast, type Entry } from "./counting.ts";

function entry(key: string, at_ms: number, ordered = 1, more: Partial<Entry["scan"]> = {}): Entry {
  const scan = more.article === undefined ? { at_ms, code: key, ...more } : { at_ms, ...more };
  return { scan, seen: { key, name_zh: key, name_en: key, weight_g: null, ordered, chosen: true } };
}

for (const [name, before, next, judged] of [
  ["the first", [], entry("tea", 0), "counts"],
  ["the second of two", [entry("tea", 0, 2)], entry("tea", 900, 2), "counts"],
  ["the same trigger", [entry("tea", 0, 2)], entry("tea", 300, 2), "same_trigger"],
  ["one too many, soon", [entry("tea", 0)], entry("tea", 2_000), "doubtful"],
  ["one too many, later", [entry("tea", 0)], entry("tea", 3_000), "counts"],
  ["not on the order, soon", [entry("wine", 0, 0)], entry("wine", 1_000, 0), "doubtful"],
  ["something else between", [entry("tea", 0), entry("milk", 700)], entry("tea", 1_400), "doubtful"],
  ["a tap", [entry("tea", 0)], entry("tea", 100, 1, { article: "tea" }), "counts"],
] as const satisfies readonly (readonly [string, readonly Entry[], Entry, ReturnType<typeof judge>])[])
  test(`a scan: ${name}`, () => assert.equal(judge(before, next), judged));

test("what was the same item does not count", () => {
  const scans = [entry("tea", 0), entry("tea", 900, 1, { said: "same" }), entry("milk", 2_000)];
  assert.deepEqual(
    [...counts(scans)],
    [
      ["tea", 1],
      ["milk", 1],
    ],
  );
});

test("the last of an article is taken back, and nothing else", () => {
  const scans = [entry("tea", 0, 2), entry("milk", 1), entry("tea", 900, 2), entry("tea", 1_800, 2, { said: "same" })];
  assert.deepEqual(withoutLast(scans, "tea"), [scans[0], scans[1], scans[3]]);
  assert.equal(withoutLast(scans, "wine").length, 4);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { weightBar } from "./weight.ts";

const CASES: [
  name: string,
  measured: number,
  expected: number,
  tolerance: number,
  verdict: string,
  difference: number,
][] = [
  ["nothing on the belt yet", 0, 2310, 60, "none", 2310],
  ["half of it", 1100, 2310, 60, "under", 1210],
  ["at the lower edge", 2250, 2310, 60, "inside", 60],
  ["one gram below the edge", 2249, 2310, 60, "under", 61],
  ["at the upper edge", 2370, 2310, 60, "inside", 60],
  ["one gram above the edge", 2371, 2310, 60, "over", 61],
  ["a bottle more", 2835, 2310, 60, "over", 525],
  ["an order that weighs nothing, such as a gift card", 0, 0, 5, "inside", 0],
  ["a scale below zero", -20, 2310, 60, "none", 2330],
];

for (const [name, measured_g, expected_g, tolerance_g, verdict, difference_g] of CASES) {
  test(`weight bar: ${name}`, () => {
    const bar = weightBar({ measured_g, expected_g, tolerance_g });
    assert.equal(bar.verdict, verdict);
    assert.equal(bar.difference_g, difference_g);
    assert.ok(bar.band_from >= 0 && bar.band_to <= 1 && bar.measured >= 0 && bar.measured <= 1);
    assert.ok(bar.band_from < bar.band_to);
  });
}

test("weight bar: what is drawn agrees with the verdict wherever the band is not widened", () => {
  for (let measured_g = 1; measured_g < 4000; measured_g += 7) {
    const bar = weightBar({ measured_g, expected_g: 2000, tolerance_g: 120 });
    const drawn = bar.measured < bar.band_from ? "under" : bar.measured > bar.band_to ? "over" : "inside";
    assert.equal(drawn, bar.verdict, `${measured_g} g`);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWeight } from "./weight.ts";

for (const [weight_g, text] of [
  [0, "0 g"],
  [535, "535 g"],
  [999, "999 g"],
  [1000, "1 kg"],
  [1250, "1.25 kg"],
  [1234567, "1,234.567 kg"],
  [null, ""],
] as const) {
  test(`${weight_g} g is “${text}”`, () => assert.equal(formatWeight(weight_g, "en-GB").replace("\u00a0", " "), text));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { linksOf, stepAt, textOf } from "./pass.ts";

const ROTATION = {
  stem: "UQ2.a.b",
  seed: "AAAAAAAAAAAAAAAAAAAAAA",
  pass_id: "000102030405060708090a0b0c0d0e0f",
  issued_s: 1000,
  step_s: 15,
  steps: 2,
};

test("the links are those that a lane expects", () => {
  // tests/passes/test_signed.py has the same.
  assert.deepEqual(
    linksOf(ROTATION).map((link) => Buffer.from(link).toString("hex")),
    ["e56943af5fdd9ccd7b6a003a", "9285fdaf82535a8e885a4cdb", "809a4c1bad269d7bc2c9de4a"],
  );
});

test("a link follows the stem, in base64url", () => {
  assert.equal(textOf(ROTATION, linksOf(ROTATION)[0]!), "UQ2.a.b.5WlDr1_dnM17agA6");
});

for (const [now_s, step, left_s] of [
  [1000, 0, 15],
  [1014.5, 0, 0.5],
  [1015, 1, 15],
  [1044, 2, 1],
  [1100, 2, 5],
  [900, 0, 15],
] as const) {
  test(`at ${now_s} s it is step ${step} for another ${left_s} s`, () =>
    assert.deepEqual(stepAt(ROTATION, now_s * 1000), { step, left_ms: left_s * 1000 }));
}

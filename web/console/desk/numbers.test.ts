import assert from "node:assert/strict";
import { test } from "node:test";
import { isNumberLike } from "./numbers.ts";

for (const [text, is] of [
  ["13800138000", true],
  ["１３８ 0013-8000", true],
  ["+44 (7400) 123456", true],
  ["", false],
  ["12345", false],
  ["138001380001234567", false],
  ["138-0013-x000", false],
  ["13+800138000", false],
] as const)
  test(`${JSON.stringify(text)} ${is ? "can be" : "is no"} number`, () => assert.equal(isNumberLike(text), is));

import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenOf } from "./token.ts";

for (const [path, token] of [
  ["/o/9f3bQ_-x", "9f3bQ_-x"],
  ["/o/9f3b/", "9f3b"],
  ["/o/a%2Bb", "a+b"],
  ["/o/", null],
  ["/o/a/b", null],
  ["/shop/", null],
  ["/o/%E0%A4", null],
] as const)
  test(`token of ${path}`, () => assert.equal(tokenOf(path), token));

import assert from "node:assert/strict";
import { test } from "node:test";
import { lyingThere } from "./tray.ts";

for (const [what, tray, taken, there] of [
  ["before the page knows what lay there", { "CNY-100-coin": 3 }, null, []],
  ["what was taken before is not there", { "CNY-100-coin": 3 }, { "CNY-100-coin": 3 }, []],
  ["more of a coin", { "CNY-100-coin": 5 }, { "CNY-100-coin": 3 }, [{ name: "CNY-100-coin", count: 2 }]],
  ["a note of which none had come before", { "CNY-1000-note": 5 }, {}, [{ name: "CNY-1000-note", count: 5 }]],
] as const)
  test(`tray: ${what}`, () => assert.deepEqual(lyingThere(tray, taken), there));

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, viewOf, type View } from "./route.ts";

test("every view has an address of its own that leads back to it", () => {
  const views: readonly View[] = ["floor", "figures", "overrides", "returns", "cards", "receipts", "waiting"];
  assert.deepEqual(
    views.map((view) => viewOf(addressOf(view))),
    views,
  );
});

for (const hash of ["", "#", "#nowhere", "#desk/", "desk"])
  test(`${JSON.stringify(hash)} leads to the floor`, () => assert.equal(viewOf(hash), "floor"));

import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "./places.ts";

const device = { state: "idle", seen_at: null, devices: {} };
const floor = {
  lanes: [
    { ...device, id: "lane-1", name: "A", exit: null, closed_by: null, closed_at: null },
    { ...device, id: "bay-3", name: "C", exit: null, closed_by: null, closed_at: null },
  ],
  kiosks: [{ ...device, id: "kiosk-1", name: "K" }],
  bays: [{ id: "east", exits: [] }],
};

for (const [id, place] of [
  ["lane-1", { kind: "lane", name: "A" }],
  ["kiosk-1", { kind: "kiosk", name: "K" }],
  ["kiosk-7", { kind: "kiosk", name: "7" }],
  ["lane-7", { kind: "lane", name: "7" }],
  ["bay", { kind: "bay", name: "" }],
  ["bay-2", { kind: "bay", name: "2" }],
  ["bay-3", { kind: "bay", name: "C" }],
  ["east", { kind: "bay", name: "east" }],
  ["north door", { kind: "lane", name: "north door" }],
] as const)
  test(`a call from ${id}`, () => assert.deepEqual(placeOf(floor, id), place));

test("before the floor is known, the id is all there is", () =>
  assert.deepEqual(placeOf(null, "kiosk-1"), { kind: "kiosk", name: "1" }));

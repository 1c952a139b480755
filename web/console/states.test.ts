import assert from "node:assert/strict";
import { test } from "node:test";
import type { FloorLane } from "./api.ts";
import { briefly, lookOf } from "./states.ts";

const lane = (state: string, closed_by: string | null = null): FloorLane => ({
  id: "lane-1",
  name: "1",
  state,
  seen_at: null,
  devices: {},
  closed_by,
  closed_at: null,
  exit: null,
});

test("states: what a store's newer lane says of itself is unknown, and calls nobody", () => {
  assert.deepEqual(lookOf("toString"), { key: "console.state.unknown", icon: "help", tone: "off" });
  assert.equal(lookOf("staff").tone, "look");
});

test("states: a lane that was taken out says so, unless something is up there", () => {
  assert.equal(briefly(lane("idle")).key, "console.state.idle");
  assert.equal(briefly(lane("idle", "小李")).key, "console.plan_closed");
  assert.equal(briefly(lane("alarm", "小李")).key, "console.state.alarm");
  assert.equal(briefly(lane("offline", "小李")).key, "console.state.offline");
});

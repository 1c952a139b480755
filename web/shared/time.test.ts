import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "./api.ts";
import { formatTime, formatTimeOfDay } from "./time.ts";

test("times are the store's, wherever the screen is", async () => {
  const before = globalThis.fetch;
  const headers = { "Content-Type": "application/json", "Store-Time-Zone": "Asia/Shanghai" };
  globalThis.fetch = () => Promise.resolve(new Response("{}", { headers }));
  try {
    await request("/api/health");
  } finally {
    globalThis.fetch = before;
  }
  assert.equal(formatTimeOfDay("2026-01-02T17:05:00Z", "en-GB"), "01:05");
  assert.equal(formatTime("2026-01-02T17:05:00Z", "en-GB"), "3 Jan 2026, 01:05");
  assert.equal(formatTimeOfDay("2026-01-02T17:05:00Z", "en-GB", "Europe/Berlin"), "18:05");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { splitAim, TIMING, WedgeBuffer, type WedgeScan } from "./wedge.ts";

/** Types keys with the same gap between them and answers the scans that came of it. */
function type(buffer: WedgeBuffer, keys: readonly string[], gap_ms: number, start_ms = 1000): WedgeScan[] {
  const scans = keys.map((key, index) => buffer.key({ key, at_ms: start_ms + index * gap_ms }));
  return scans.filter((scan) => scan !== null);
}

const EAN = [..."6901234567892"];

for (const gap_ms of [0, 1, 8, 20, TIMING.gap_ms_max]) {
  test(`a burst with ${gap_ms} ms between keys and Enter is a scan`, () => {
    assert.deepEqual(type(new WedgeBuffer(), [...EAN, "Enter"], gap_ms), [{ code: "6901234567892", symbology: null }]);
  });
}

for (const gap_ms of [TIMING.gap_ms_max + 1, 80, 150, 400]) {
  test(`the same keys with ${gap_ms} ms between them are typing`, () => {
    const buffer = new WedgeBuffer();
    assert.deepEqual(type(buffer, [...EAN, "Enter"], gap_ms), []);
    assert.equal(buffer.idle(), null);
  });
}

test("Tab ends a scan as well", () => {
  assert.equal(type(new WedgeBuffer(), [...EAN, "Tab"], 5)[0]?.code, "6901234567892");
});

test("without a terminator the pause after a long burst ends it, and a short one is none", () => {
  const long = new WedgeBuffer();
  assert.deepEqual(type(long, EAN, 5), []);
  assert.deepEqual(long.idle(), { code: "6901234567892", symbology: null });
  assert.equal(long.idle(), null);
  const short = new WedgeBuffer();
  type(short, [..."1234567"], 5);
  assert.equal(short.idle(), null);
});

test("what a person typed just before does not become part of the scan", () => {
  const buffer = new WedgeBuffer();
  type(buffer, ["4", "2"], 200, 0);
  assert.equal(type(buffer, [...EAN, "Enter"], 5, 5000)[0]?.code, "6901234567892");
});

test("an Enter long after the burst is a person's", () => {
  const buffer = new WedgeBuffer();
  type(buffer, EAN, 5, 0);
  assert.equal(buffer.key({ key: "Enter", at_ms: 5000 }), null);
});

test("editing keys break a burst off", () => {
  assert.deepEqual(type(new WedgeBuffer(), ["6", "9", "0", "1", "Backspace", "2", "3", "Enter"], 5), []);
});

test("two scans in a row are two scans", () => {
  const codes = type(new WedgeBuffer(), [...EAN, "Enter", ..."96385074", "Enter"], 5).map(({ code }) => code);
  assert.deepEqual(codes, ["6901234567892", "96385074"]);
});

for (const [text, code, symbology] of [
  ["]E06901234567892", "6901234567892", "]E0"],
  ["]C10106901234567892\u001d3103000535", "0106901234567892\u001d3103000535", "]C1"],
  ["]d20106901234567892", "0106901234567892", "]d2"],
  ["6901234567892", "6901234567892", null],
  ["https://id.example/01/06901234567892", "https://id.example/01/06901234567892", null],
] as const) {
  test(`${JSON.stringify(text)} is ${symbology} and its code`, () => {
    assert.deepEqual(splitAim(text), { code, symbology });
    assert.deepEqual(type(new WedgeBuffer(), [...text, "Enter"], 5), [{ code, symbology }]);
  });
}

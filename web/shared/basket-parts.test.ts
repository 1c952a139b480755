import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { base32, partsOf, split } from "./basket-parts.ts";

const TRIP = "0123456789abcdef0123456789abcdef";
const KEY = "5c".repeat(32);

test("base32 is that of RFC 4648 section 10", () => {
  const vectors = {
    "": "",
    f: "MY",
    fo: "MZXQ",
    foo: "MZXW6",
    foob: "MZXW6YQ",
    fooba: "MZXW6YTB",
    foobar: "MZXW6YTBOI",
  };
  for (const [text, expected] of Object.entries(vectors)) {
    assert.equal(base32(new TextEncoder().encode(text)), expected);
  }
});

test("a content is split as the server splits it", () => {
  // The doctest of unqueue.passes.baskets.split.
  const parts = split(new TextEncoder().encode("basket"), 4);
  assert.deepEqual(parts, ["UQB17J3NTGWZK7MVE0102MJQXG", "UQB17J3NTGWZK7MVE0202NNSXI"]);
});

test("the parts hold the body, and fit QR codes of version 13 in alphanumeric mode", async () => {
  const actions = Array.from({ length: 200 }, () => ({
    kind: "scan",
    id: crypto.randomUUID(),
    code: String(Math.floor(Math.random() * 1e13)),
    quantity: 1,
    at: new Date().toISOString(),
  }));
  const parts = await partsOf(TRIP, { version: 1, actions }, KEY);
  for (const part of parts) {
    assert.ok(part.length <= 483, part);
    assert.match(part, /^UQB1[A-Z2-7]{13}\d{4}[A-Z2-7]+$/);
  }
  const content = Buffer.concat(parts.map((part) => bytesOf(part.slice(21))));
  assert.equal(content.subarray(0, 16).toString("hex"), TRIP);
  assert.deepEqual(JSON.parse(inflateRawSync(content.subarray(32)).toString()), { version: 1, actions });
  assert.ok(parts.length <= 40, `${parts.length} parts`);
});

test("a basket of few goods is one code", async () => {
  const actions = [{ kind: "scan", id: crypto.randomUUID(), code: "6901234567892", quantity: 1 }];
  assert.equal((await partsOf(TRIP, { version: 1, actions }, KEY)).length, 1);
});

function bytesOf(text: string): Buffer {
  const bits = [...text].map((one) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(one).toString(2).padStart(5, "0"));
  return Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

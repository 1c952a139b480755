import assert from "node:assert/strict";
import { test } from "node:test";
import { byCurrency, byReason, faceOf, givenOut, parsePiece, progressOf } from "./cash.ts";

const yuan = (amount_minor: number) => ({ amount_minor, currency: "CNY" });
const names = (pieces: readonly { readonly name: string }[]) => pieces.map(({ name }) => name);

test("a denomination is read as the kiosk writes it, and nothing else is", () => {
  assert.deepEqual(parsePiece("EUR-200-coin"), {
    name: "EUR-200-coin",
    currency: "EUR",
    value_minor: 200,
    form: "coin",
  });
  for (const bad of ["", "CNY-1000", "cny-100-coin", "CNY-0-coin", "CNY-1e3-note", "CNY-100-token", "CNY--1-coin"]) {
    assert.equal(parsePiece(bad), null, bad);
  }
});

test("what can be put in: the store's own money first, the smallest first, foreign money with its value", () => {
  const groups = byCurrency(
    [
      { denomination: "USD-1000-note", credited: yuan(7120) },
      { denomination: "CNY-1000-note", credited: yuan(1000) },
      { denomination: "EUR-500-note", credited: yuan(3900) },
      { denomination: "CNY-100-note", credited: yuan(100) },
      { denomination: "CNY-100-coin", credited: yuan(100) },
      { denomination: "CNY-50-coin", credited: yuan(50) },
      { denomination: "something else", credited: yuan(1) },
    ],
    "CNY",
  );
  assert.deepEqual(
    groups.map(({ currency }) => currency),
    ["CNY", "EUR", "USD"],
  );
  assert.deepEqual(names(groups[0]!.coins), ["CNY-50-coin", "CNY-100-coin"]);
  assert.deepEqual(names(groups[0]!.notes), ["CNY-100-note", "CNY-1000-note"]);
  assert.equal(groups[0]!.notes[0]!.credited, null);
  assert.deepEqual(groups[1]!.notes[0]!.credited, yuan(3900));
});

test("what can't be put in is told once for each reason", () => {
  const refused = byReason([
    { denomination: "CNY-10000-note", reason: "change", zh: "一百", en: "hundred" },
    { denomination: "CNY-10-coin", reason: "full", zh: "一角", en: "jiao" },
    { denomination: "CNY-5000-note", reason: "change", zh: "五十", en: "fifty" },
  ]);
  assert.deepEqual(
    refused.map(({ reason, pieces, said }) => [reason, names(pieces), said.map(({ en }) => en)]),
    [
      ["change", ["CNY-10000-note", "CNY-5000-note"], ["hundred", "fifty"]],
      ["full", ["CNY-10-coin"], ["jiao"]],
    ],
  );
});

test("what came out: the largest first, nothing that did not come", () => {
  const given = givenOut({ "CNY-10-coin": 2, "CNY-1000-note": 1, "CNY-100-coin": 0, "?": 4 });
  assert.deepEqual(
    given.map(({ piece, count }) => [piece.name, count]),
    [
      ["CNY-1000-note", 1],
      ["CNY-10-coin", 2],
    ],
  );
});

test("a face shows decimals only where the value has some", () => {
  const face = (name: string) => faceOf(parsePiece(name)!, "en-GB").replace(/\s/g, " ");
  assert.equal(face("CNY-1000-note"), "¥10");
  assert.equal(face("CNY-50-coin"), "¥0.50");
  assert.equal(face("JPY-500-coin"), "¥500");
  assert.equal(face("CHF-5-coin"), "CHF 0.05");
});

test("progress stays within its bar", () => {
  assert.equal(progressOf({ cash_due: yuan(0), inserted: yuan(0) }), 1);
  assert.equal(progressOf({ cash_due: yuan(1000), inserted: yuan(250) }), 0.25);
  assert.equal(progressOf({ cash_due: yuan(1000), inserted: yuan(5000) }), 1);
});

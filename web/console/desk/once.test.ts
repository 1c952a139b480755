import assert from "node:assert/strict";
import { test } from "node:test";
import { Once } from "./once.ts";

test("until it is settled, the same action is sent again, whatever is asked for meanwhile", () => {
  const once = new Once<{ amount_minor: number }>();
  const first = once.begin({ amount_minor: 100 });
  assert.deepEqual(once.begin({ amount_minor: 200 }), first);
  once.settled();
  const next = once.begin({ amount_minor: 200 });
  assert.equal(next.amount_minor, 200);
  assert.notEqual(next.id, first.id);
  assert.ok(once.is(next.id.replaceAll("-", "")) && !once.is(first.id));
});

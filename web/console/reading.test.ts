import assert from "node:assert/strict";
import { test } from "node:test";
import { oneAtATime } from "./reading.ts";

test("what is asked for while it reads makes one more reading, never a second beside it", async () => {
  const ends: (() => void)[] = [];
  const read = oneAtATime(() => new Promise((resolve) => ends.push(resolve)));
  const asked = [read(), read(), read()];
  assert.equal(ends.length, 1);
  ends[0]?.();
  await new Promise(setImmediate);
  assert.equal(ends.length, 2);
  ends[1]?.();
  await Promise.all(asked);
  assert.equal(ends.length, 2);
  void read();
  assert.equal(ends.length, 3);
});

test("after a reading that failed the next one is read", async () => {
  let count = 0;
  const read = oneAtATime(async () => {
    count += 1;
    if (count === 1) throw new Error("cut");
  });
  await assert.rejects(read());
  await read();
  assert.equal(count, 2);
});

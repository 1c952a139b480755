import assert from "node:assert/strict";
import { test } from "node:test";
import { oneAtATime, Readings } from "./reading.ts";

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

/** A request whose answer comes when it is told to. */
function held() {
  let answer: (found: string) => void = () => undefined;
  const request = () => new Promise<string>((resolve) => (answer = resolve));
  return { request, answer: (found: string) => answer(found) };
}

test("what was read before a change of one's own says nothing any more", async () => {
  const readings = new Readings();
  const [asked, withdrawal, later] = [held(), held(), held()];
  const before = readings.read(asked.request);
  const done = readings.change(withdrawal.request);
  const meanwhile = readings.read(later.request);
  later.answer("open");
  assert.equal(await meanwhile, null);
  withdrawal.answer("withdrawn");
  assert.equal(await done, "withdrawn");
  asked.answer("open");
  assert.equal(await before, null);
  assert.equal(await readings.read(async () => "closed"), "closed");
});

test("a change that failed may have happened: what was read before it says nothing either", async () => {
  const readings = new Readings();
  const asked = held();
  const before = readings.read(asked.request);
  await assert.rejects(
    readings.change(async () => {
      throw new Error("cut");
    }),
  );
  asked.answer("open");
  assert.equal(await before, null);
});

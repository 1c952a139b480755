import assert from "node:assert/strict";
import { test } from "node:test";
import { LastCounts } from "./last.ts";

interface Held {
  readonly said: number;
  readonly answer: () => void;
  readonly refuse: () => void;
}

function sender() {
  const sent: Held[] = [];
  const last = new LastCounts<number>(
    (said) =>
      new Promise((resolve, reject) =>
        sent.push({ said, answer: () => resolve(), refuse: () => reject(new Error("no")) }),
      ),
  );
  return { sent, last, said: () => sent.map((one) => one.said) };
}

const settled = () => new Promise(setImmediate);

test("of what is said while a request is under way, the last one is sent, and nothing between", async () => {
  const { sent, last, said } = sender();
  const first = last.say(1);
  assert.deepEqual(await Promise.all([last.say(2), last.say(3), last.say(2)]), [null, null, null]);
  assert.deepEqual(said(), [1]);
  sent[0]?.answer();
  await settled();
  assert.deepEqual(said(), [1, 2]);
  sent[1]?.answer();
  assert.equal(await first, true);
  void last.say(4);
  assert.deepEqual(said(), [1, 2, 4]);
});

test("a refusal of what was said before does not stop the last one", async () => {
  const { sent, last, said } = sender();
  const first = last.say(1);
  void last.say(2);
  sent[0]?.refuse();
  await settled();
  assert.deepEqual(said(), [1, 2]);
  sent[1]?.answer();
  assert.equal(await first, true);
});

test("a refusal of the last one is told, and the next is sent again", async () => {
  const { sent, last, said } = sender();
  const first = last.say(1);
  sent[0]?.refuse();
  await assert.rejects(first);
  void last.say(1);
  assert.deepEqual(said(), [1, 1]);
});

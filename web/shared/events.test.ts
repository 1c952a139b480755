import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser } from "./events.ts";

const STREAM =
  ': keep-alive\n\nevent: basket\ndata: {"id":"1","status":"shopping"}\n\n' +
  'event: order\r\ndata: {"id":\r\ndata: "2"}\r\n\r\ndata: not json\n\ndata: {"id":"3"}\n\n';

const EVENTS = [
  { event: "basket", data: { id: "1", status: "shopping" } },
  { event: "order", data: { id: "2" } },
  { event: "message", data: { id: "3" } },
];

test("events are read whole", () => assert.deepEqual(new EventParser().push(STREAM), EVENTS));

test("events are read the same wherever the network cuts the stream", () => {
  for (let size = 1; size < 40; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `pieces of ${size}`);
  }
});

test("an unfinished event waits", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push('event: exit\ndata: {"id":"1"}\n'), []);
  assert.deepEqual(parser.push("\n"), [{ event: "exit", data: { id: "1" } }]);
});

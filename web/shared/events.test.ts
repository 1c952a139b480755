import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, listen } from "./events.ts";

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

test("a page that nobody sees gives its connection back, and listens again when it is seen", async () => {
  let connections = 0;
  const server = createServer((_request, response) => {
    connections += 1;
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(": here\n\n");
    response.on("close", () => (connections -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const become = (state: "visible" | "hidden") => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  const until = async (count: number) => {
    for (let tries = 0; connections !== count && tries < 400; tries++) await sleep(25);
    assert.equal(connections, count);
  };
  const surroundings = { document: page, addEventListener: () => {}, removeEventListener: () => {} };
  Object.assign(globalThis, surroundings);
  const { port } = server.address() as AddressInfo;
  const options = { url: `http://127.0.0.1:${port}/`, token: null, onEvent: () => {} };
  const stop = listen(options);
  const stopAlways = listen({ ...options, whileHidden: true });
  try {
    await until(2);
    become("hidden");
    await until(1);
    await sleep(1_000); // long enough for the first attempts to connect again
    assert.equal(connections, 1);
    become("visible");
    await until(2);
  } finally {
    stop();
    stopAlways();
    server.close();
    for (const name of Object.keys(surroundings)) Reflect.deleteProperty(globalThis, name);
  }
});

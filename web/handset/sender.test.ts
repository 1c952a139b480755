import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../shared/problem.ts";
import type { Basket, BatchBody, LineAnswer, ScanBody } from "../shared/types.ts";
import { Keep, MemoryShelf } from "./keep.ts";
import { Queue, type Action } from "./queue.ts";
import { Sender, type SenderPorts } from "./sender.ts";
import { basketOf } from "./testing.ts";

const problem = (code: string, status: number, permanent: boolean) =>
  new Problem({ code, zh: "…", en: "…", permanent }, status);
const NETWORK = problem("network", 0, false);

/** A store that prices nothing but keeps the contract: the same id is the same scan, another body is a conflict. */
class Store {
  readonly scans = new Map<string, string>();
  readonly batches = new Map<string, string>();
  basket: Basket = basketOf({ 1: 1 });
  /** What happens to the next requests: passes, is lost on the way there, or its answer is lost on the way back. */
  script: ("ok" | "lost" | "answer lost" | Problem)[] = [];
  requests = 0;

  async #take(seen: Map<string, string>, id: string, body: unknown, effect: () => void): Promise<void> {
    this.requests += 1;
    const step = this.script.shift() ?? "ok";
    await Promise.resolve();
    if (step === "lost") throw NETWORK;
    if (step instanceof Problem) throw step;
    const text = JSON.stringify(body);
    if (seen.has(id) && seen.get(id) !== text) throw problem("scan_conflict", 409, true);
    if (!seen.has(id)) effect();
    seen.set(id, text);
    if (step === "answer lost") throw NETWORK;
  }

  async scan(body: ScanBody): Promise<LineAnswer> {
    await this.#take(this.scans, body.id, body, () => this.#add(body.quantity ?? 1));
    return { line: this.basket.lines[0]!, basket: this.basket, coupon: null };
  }

  async batch(body: BatchBody) {
    await this.#take(this.batches, body.id, body, () => {
      for (const { quantity } of body.set ?? []) this.basket = basketOf({ 1: quantity }, this.basket.version + 1);
    });
    return { basket: this.basket, lines: [], refused: [] };
  }

  #add(quantity: number): void {
    this.basket = basketOf({ 1: this.basket.lines[0]!.quantity + quantity }, this.basket.version + 1);
  }
}

function world(store: Store, shelf = new MemoryShelf()) {
  const log: string[] = [];
  const queue = new Queue(new Keep(shelf), () => 1);
  let known = store.basket;
  const ports: SenderPorts = {
    scan: (body) => store.scan(body),
    batch: (body) => store.batch(body),
    basket: () => known,
    alone: (work) => work(),
    pause: () => Promise.resolve(),
    onScan: (action, answer) => {
      known = answer.basket;
      log.push(`scan ${action.code}`);
    },
    onBatch: (action, answer) => {
      if (answer !== null) known = answer.basket;
      log.push(`batch ${action.id}`);
    },
    onTaken: (action) => log.push(`taken ${action.id}`),
    onRefused: (action, refusal) => log.push(`refused ${action.id} ${refusal.code}`),
    onVisitLost: (refusal) => log.push(`lost ${refusal.code}`),
    onConnection: (connected) => log.push(connected ? "up" : "down"),
    onShorter: () => undefined,
  };
  return { queue, sender: new Sender(queue, ports), ports, log, shelf };
}

const scan = (code: string): Action => ({
  kind: "scan",
  id: `id-${code}`,
  code,
  quantity: 1,
  symbology: null,
  at: "t",
});
const change = (id: string, by: number): Action => ({
  kind: "batch",
  id,
  add: [],
  change: [{ line: 1, by }],
  delete: [],
  delete_coupons: [],
  body: null,
});

test("scans are sent in order and taken off when they are acknowledged", async () => {
  const store = new Store();
  const { queue, sender, log } = world(store);
  for (const code of ["A", "B", "C"]) queue.add(scan(code));
  await sender.kick();
  assert.deepEqual(
    log.filter((entry) => entry.startsWith("scan")),
    ["scan A", "scan B", "scan C"],
  );
  assert.equal(queue.entries().length, 0);
});

test("whatever is lost on the way, each action counts exactly once and in order", async () => {
  const steps = ["ok", "lost", "answer lost"] as const;
  for (let pattern = 0; pattern < 3 ** 5; pattern += 1) {
    const store = new Store();
    store.script = [0, 1, 2, 3, 4].map((place) => steps[Math.floor(pattern / 3 ** place) % 3]!);
    const { queue, sender } = world(store);
    for (const action of [scan("A"), change("up", 1), scan("B"), change("down", -1)]) queue.add(action);
    await sender.kick();
    // 1 at first; scan → 2, one more → 3, scan → 4, one fewer → 3.
    assert.equal(store.basket.lines[0]?.quantity, 3, `pattern ${pattern}`);
    assert.equal(store.scans.size, 2);
    assert.equal(queue.entries().length, 0);
  }
});

test("a change whose answer was lost goes again unchanged after a reload", async () => {
  const store = new Store();
  store.script = ["answer lost"];
  const before = world(store);
  before.queue.add(change("up", 1));
  before.ports.pause = () => new Promise(() => undefined); // the page is closed while it waits
  void before.sender.kick();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const after = world(store, before.shelf);
  await after.sender.kick();
  assert.equal(store.basket.lines[0]?.quantity, 2);
  assert.equal(store.requests, 2);
});

test("what a kiosk has brought to the store already is taken off without a word", async () => {
  const store = new Store();
  const { queue, sender, ports, log } = world(store);
  ports.batch = () => Promise.reject(problem("scan_conflict", 409, true));
  for (const action of [change("up", 1), scan("B")]) queue.add(action);
  await sender.kick();
  assert.deepEqual(
    log.filter((entry) => !["up", "down"].includes(entry)),
    ["taken up", "scan B"],
  );
  assert.equal(queue.entries().length, 0);
});

test("a permanent refusal is dropped and told, and the rest goes on", async () => {
  const store = new Store();
  store.script = [problem("product_unknown", 404, true)];
  const { queue, sender, log } = world(store);
  queue.add(scan("A"));
  queue.add(scan("B"));
  await sender.kick();
  assert.deepEqual(log, ["up", "refused id-A product_unknown", "scan B", "up"]);
});

test("a busy store and a stranger's page are tried again", async () => {
  const store = new Store();
  store.script = [problem("busy", 503, false), problem("unexpected", 200, false), problem("unexpected", 403, false)];
  const { queue, sender } = world(store);
  queue.add(scan("A"));
  await sender.kick();
  assert.equal(store.scans.size, 1);
  assert.equal(store.requests, 4);
});

test("an answer that no retry can change does not block the queue, even if it is not the store's", async () => {
  const store = new Store();
  store.script = [problem("unexpected", 400, false)];
  const { queue, sender, log } = world(store);
  queue.add(scan("A"));
  await sender.kick();
  assert.deepEqual(log, ["up", "refused id-A unexpected"]);
});

test("when the visit is over, nothing more is sent and nothing is dropped as if it were refused", async () => {
  const store = new Store();
  store.script = [problem("not_authenticated", 401, true)];
  const { queue, sender, log } = world(store);
  queue.add(scan("A"));
  queue.add(scan("B"));
  await sender.kick();
  assert.deepEqual(log, ["lost not_authenticated"]);
  assert.equal(store.requests, 1);
});

test("two tabs that take turns send nothing twice", async () => {
  const store = new Store();
  const shelf = new MemoryShelf();
  let turn: Promise<unknown> = Promise.resolve();
  const alone = (work: () => Promise<number>) => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const tabs = [world(store, shelf), world(store, shelf)];
  for (const tab of tabs) tab.ports.alone = alone;
  for (const code of ["A", "B", "C", "D"]) tabs[0]!.queue.add(scan(code));
  await Promise.all(tabs.map((tab) => tab.sender.kick()));
  assert.equal(store.requests, 4);
});

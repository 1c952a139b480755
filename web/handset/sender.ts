import { Problem } from "../shared/problem.ts";
import type { Basket, BatchAnswer, BatchBody, LineAnswer, ScanBody } from "../shared/types.ts";
import {
  isEmptyBody,
  settle,
  type Action,
  type BatchAction,
  type Entry,
  type Queue,
  type ScanAction,
} from "./queue.ts";

/** What the sender needs of the world; tests bring their own. */
export interface SenderPorts {
  scan(body: ScanBody): Promise<LineAnswer>;
  batch(body: BatchBody): Promise<BatchAnswer>;
  /** The basket as the server last told it. */
  basket(): Basket | null;
  /** Runs a piece of work in one tab at a time. */
  alone(work: () => Promise<number>): Promise<number>;
  /** Resolves after the pause, or earlier when there is reason to hope. */
  pause(pause_ms: number): Promise<void>;
  onScan(action: ScanAction, answer: LineAnswer): void;
  onBatch(action: BatchAction, answer: BatchAnswer | null): void;
  /** The server has it already, by another way than this queue. */
  onTaken(action: Action): void;
  /** Refused for good: the action is dropped and the shopper is told. */
  onRefused(action: Action, problem: Problem): void;
  /** The visit itself is over or unknown: nothing more can be sent. */
  onVisitLost(problem: Problem): void;
  onConnection(connected: boolean): void;
  /** The queue has become shorter. */
  onShorter(): void;
}

const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 10_000;

/** Answers of no store of ours that still mean that this request will never be taken, whoever is asked. */
const HOPELESS = new Set([400, 405, 409, 413, 415, 422]);

function isForGood(problem: Problem): boolean {
  return problem.permanent || HOPELESS.has(problem.status);
}

/** The server no longer knows the trip or its token. A product that it does not know has a code of its own. */
export function isVisitLost(problem: Problem): boolean {
  return problem.code === "not_authenticated" || problem.code === "not_found";
}

/**
 * Sends the queue in order, one action at a time, and takes an action off only when the server has answered: after
 * any interruption the same action goes again with the same id, which the server knows.
 */
export class Sender {
  readonly #queue: Queue;
  readonly #ports: SenderPorts;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(queue: Queue, ports: SenderPorts) {
    this.#queue = queue;
    this.#ports = ports;
  }

  /** Starts sending if it is not under way. Resolves when the queue is empty or the sender was stopped. */
  kick(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = null));
    return this.#running;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    let pause_ms = PAUSE_MS_MIN;
    while (!this.#stopped && this.#queue.entries().length > 0) {
      const sent = await this.#ports.alone(() => this.#sendAll());
      if (sent > 0) pause_ms = PAUSE_MS_MIN;
      if (this.#stopped || this.#queue.entries().length === 0) return;
      await this.#ports.pause(pause_ms);
      pause_ms = Math.min(pause_ms * 2, PAUSE_MS_MAX);
    }
  }

  /** Sends until the queue is empty or the network fails; answers how many came through. */
  async #sendAll(): Promise<number> {
    let sent = 0;
    for (;;) {
      // Read anew each time: another tab may have added, or sent while this one waited for its turn.
      const entry = this.#queue.entries()[0];
      if (this.#stopped || entry === undefined) return sent;
      try {
        await this.#send(entry);
        this.#queue.remove(entry);
        this.#ports.onShorter();
        this.#ports.onConnection(true);
        sent += 1;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (isVisitLost(error)) {
          this.stop();
          this.#ports.onVisitLost(error);
          return sent;
        }
        this.#ports.onConnection(error.status !== 0);
        if (!isForGood(error)) return sent;
        this.#queue.remove(entry);
        if (error.code === "scan_conflict") this.#ports.onTaken(entry.action);
        else this.#ports.onRefused(entry.action, error);
        this.#ports.onShorter();
        sent += 1;
      }
    }
  }

  async #send(entry: Entry): Promise<void> {
    if (entry.action.kind === "scan") return this.#sendScan(entry.action);
    return this.#sendBatch(entry, entry.action);
  }

  async #sendScan(action: ScanAction): Promise<void> {
    const { id, code, quantity, symbology, at } = action;
    const answer = await this.#ports.scan({ id, code, quantity, at, ...(symbology === null ? {} : { symbology }) });
    this.#ports.onScan(action, answer);
  }

  async #sendBatch(entry: Entry, action: BatchAction): Promise<void> {
    let { body } = action;
    if (body === null) {
      const basket = this.#ports.basket();
      if (basket === null) throw new Error("a batch needs the basket it changes");
      body = settle(action, basket);
      // Kept before it is sent: when the answer is lost, exactly this goes again.
      this.#queue.replace(entry, { ...action, body });
    }
    const answer = isEmptyBody(body) ? null : await this.#ports.batch(body);
    this.#ports.onBatch(action, answer);
  }
}

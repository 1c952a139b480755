import { asProblem, Problem, serverNow } from "../shared/api.ts";
import type { ServerEvent } from "../shared/events.ts";
import { t } from "../shared/language.svelte.ts";
import { Extras } from "../shared/extras.svelte.ts";
import { clearNotices, notify } from "../shared/notices.svelte.ts";
import { channelFor, sorted } from "../shared/paying.ts";
import { soundDone, soundLook } from "../shared/sound.ts";
import { tellProblem } from "../shared/telling.ts";
import type {
  AgeCheck,
  Audit,
  ExitPass,
  Order,
  Payment,
  PaymentAction,
  PaymentMethod,
  Receipt,
} from "../shared/types.ts";
import { uuid } from "../shared/uuid.ts";
import type { Visit } from "./visit.svelte.ts";

export type Phase = "start" | "shopping" | "order" | "pass" | "goodbye";
type Work = "submit" | "pay" | "close" | "reopen";

/** A payment attempt keeps its id until the server has taken it, so that a second press is the same attempt. */
interface Attempt {
  readonly id: string;
  readonly order: string;
  readonly method: string;
}

const SETTLE_MS = 6_000;
const POLL_MS = 4_000; // without events
const POLL_MS_CONNECTED = 20_000; // with them: in case one was lost
const GOODBYE_MS = 10_000;
const PASS_RETRY_MS = 3_000;

/** From “Check out” to goodbye: the order, its payments, the exit pass, the receipt. */
export class Checkout {
  order = $state.raw<Order | null>(null);
  methods = $state.raw<readonly PaymentMethod[] | null>(null);
  pass = $state.raw<ExitPass | null>(null);
  receipt = $state.raw<Receipt | null>(null);
  /** Whether the goods are scanned again on the way out, and why. */
  audit = $state.raw<Audit | null>(null);
  /** Whether a person still has to look at the shopper's ID. */
  age = $state.raw<AgeCheck | null>(null);
  working = $state<Work | null>(null);
  /** What the lane said of this visit's exit: `claimed`, `accepted`, `released`; `aside` on the way to the side bay. */
  exit = $state<string | null>(null);
  #leaving = $state(false);

  readonly payment = $derived(this.order?.payments.find(({ status }) => status === "pending") ?? null);
  /** The latest attempt that did not come to anything, to say so. */
  readonly failed = $derived.by((): Payment | null => {
    const last = this.order?.payments.at(-1);
    return last?.status === "failed" ? last : null;
  });
  readonly phase = $derived.by((): Phase => {
    if (this.#leaving) return "goodbye";
    if (this.visit.trip === null) return "start";
    if (this.order?.status === "open") return "order";
    if (this.order?.status === "paid") return "pass";
    return "shopping";
  });

  readonly visit: Visit;
  readonly extras = new Extras(this);
  #eventsFlow = false;
  #renewing = false;
  #renewAgain = false;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #passTimer: ReturnType<typeof setTimeout> | undefined;
  #goodbyeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(visit: Visit) {
    this.visit = visit;
    visit.onEvent = (event) => this.#onEvent(event);
    visit.onReset = () => this.#forget();
  }

  get api() {
    return this.visit.api;
  }

  /** Takes up a kept order after a reload, or one of another tab; call after the visit's own. */
  resume(): void {
    const order = this.visit.trip === null ? null : this.visit.keep.read<Order>("order");
    if (order === null) {
      if (this.order !== null) this.#drop();
      this.follow();
    } else if (order.id !== this.order?.id || order.status !== this.order.status) {
      this.#take(order);
      // A pass that is still good shows without network.
      const pass = this.visit.keep.read<ExitPass>("pass");
      const is_good = pass !== null && pass.rotation !== undefined && Date.parse(pass.expires_at) > serverNow();
      if (order.status === "paid" && is_good) this.pass ??= pass;
      void this.refresh();
    }
  }

  /** The basket can tell of an order that this tab has not seen: submitted elsewhere, or the answer was lost. */
  follow(): void {
    const { basket } = this.visit;
    if (basket === null || basket.order_id === null || basket.status === "shopping") return;
    if (this.order?.id !== basket.order_id) void this.refresh(basket.order_id);
  }

  async submit(): Promise<void> {
    await this.#work("submit", async () => {
      const { trip } = this.visit;
      if (trip === null) return;
      if (!(await this.visit.settle(SETTLE_MS))) {
        soundLook();
        notify({ kind: "look", text: t("handset.submit_later") });
        return;
      }
      this.#take(await this.visit.api.submit(trip.id));
      clearNotices();
    });
  }

  /** Starts a payment and answers what is to be done next, or null where there is nothing. */
  async pay(method: PaymentMethod): Promise<PaymentAction | null> {
    const { order } = this;
    let action: PaymentAction | null = null;
    if (order === null) return action;
    await this.#work("pay", async () => {
      const payment = await this.#attempt(order, method);
      action = payment?.action ?? null;
      await this.refresh();
    });
    return action;
  }

  async closePayment(): Promise<void> {
    const { order, payment } = this;
    if (order === null || payment === null) return;
    await this.#work("close", async () => {
      await this.visit.api.closePayment(order.id, payment.id);
      await this.refresh();
    });
  }

  async reopen(): Promise<void> {
    const { trip } = this.visit;
    if (trip === null) return;
    await this.#work("reopen", async () => {
      const basket = await this.visit.api.reopen(trip.id);
      this.#drop();
      this.visit.apply(basket);
    });
  }

  async loadMethods(): Promise<void> {
    try {
      this.methods = sorted(await this.visit.api.paymentMethods());
    } catch (error) {
      tellProblem(error);
    }
  }

  async loadReceipt(): Promise<void> {
    if (this.order === null || this.receipt !== null) return;
    try {
      this.receipt = await this.visit.api.receipt(this.order.id);
    } catch (error) {
      tellProblem(error);
    }
  }

  /** Asks the server for the order; a failure is no news, the next poll asks again. */
  async refresh(id: string | undefined = this.order?.id): Promise<void> {
    if (id === undefined || this.visit.trip === null) return;
    clearTimeout(this.#pollTimer);
    try {
      const order = await this.visit.api.order(id);
      this.visit.connected = true;
      if (this.visit.trip !== null) this.#take(order);
    } catch (error) {
      this.visit.connected = asProblem(error).status !== 0;
      if (this.visit.trip !== null) this.#pollLater();
    }
  }

  /** What the pass says has changed. */
  renewPass(): void {
    if (this.order?.status !== "paid") return;
    if (this.#renewing)
      this.#renewAgain = true; // what is under way may say what was
    else void this.#renewPass();
  }

  /** The shopper has gone through the gate, or gives up: forget everything, say goodbye, be ready for the next. */
  goodbye(): void {
    soundDone();
    this.visit.wipe();
    this.#leaving = true;
    this.#goodbyeTimer = setTimeout(() => this.greet(), GOODBYE_MS);
  }

  greet(): void {
    clearTimeout(this.#goodbyeTimer);
    this.#leaving = false;
  }

  async #attempt(order: Order, chosen: PaymentMethod): Promise<Payment | null> {
    const { method } = chosen;
    const kept = this.visit.keep.read<Attempt>("attempt");
    const same = kept?.order === order.id && kept.method === method;
    const attempt: Attempt = same ? kept : { id: uuid(), order: order.id, method };
    // The handset is no wallet's page: identifying the payer is for the order's own page.
    const channel = chosen.channels.includes("page") ? "page" : channelFor(chosen);
    this.visit.keep.write("attempt", attempt);
    try {
      const payment = await this.visit.api.pay(order.id, { method, id: attempt.id, channel });
      this.visit.keep.write("attempt", null);
      return payment;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.permanent) this.visit.keep.write("attempt", null);
      if (error.code === "payment_open") return (error.details["payment"] as Payment | undefined) ?? null;
      if (error.code === "order_paid") return null;
      throw error;
    }
  }

  async #work(name: Work, work: () => Promise<void>): Promise<void> {
    if (this.working !== null) return;
    this.working = name;
    try {
      await work();
    } catch (error) {
      tellProblem(error);
      void this.visit.refresh().then(() => this.follow());
    } finally {
      this.working = null;
    }
  }

  #onEvent({ event, data }: ServerEvent): void {
    const { status = null, kind = null } = (data as { status?: string; kind?: string } | null) ?? {};
    if (event === "connected") this.#eventsFlow = true;
    if (event === "disconnected") this.#eventsFlow = false;
    const orderEvent = event === "order" || event === "payment" || event === "coupon";
    if (this.order !== null && (orderEvent || event === "connected")) void this.refresh();
    // An order that this tab has not seen; the basket tells which. At a new connection it is read anyway.
    if (this.order === null && orderEvent) void this.visit.refresh().then(() => this.follow());
    if (event === "call" && this.order !== null) void this.#readAge(this.order);
    if (event === "audit" && this.order?.status === "paid") void this.#readAudit(this.order);
    if (event === "disconnected" && this.order !== null) this.#pollLater();
    if (event !== "exit") return;
    if (status === "left") this.goodbye();
    else if (kind === "exit.aside") this.exit = "aside";
    else if (this.exit === "aside" && (status === "claimed" || status === "accepted") && kind !== "exit.taken")
      return; // still in the bay: also who is cleared goes on there, where it has a gate that wants to see the pass
    else this.exit = status === "abandoned" ? null : status;
  }

  #take(order: Order): void {
    const before = this.order;
    if (order.status === "left") return this.goodbye();
    if (order.status === "closed") {
      this.#drop();
      void this.visit.refresh();
      return;
    }
    if (before?.id === order.id && before.status === "paid" && order.status === "open") return; // paid never goes back
    this.order = order;
    this.visit.keep.write("order", order);
    if (order.status === "paid" && before?.status === "open") soundDone();
    if (order.status === "paid" && this.#passTimer === undefined) void this.#renewPass();
    if (order.status === "paid") void this.#readAudit(order);
    void this.#readAge(order);
    if (order.status === "open" && this.methods === null) void this.loadMethods();
    this.#pollLater();
  }

  #pollLater(): void {
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => void this.#poll(), this.#eventsFlow ? POLL_MS_CONNECTED : POLL_MS);
  }

  async #poll(): Promise<void> {
    if (this.order === null) return;
    if (document.hidden) return this.#pollLater();
    const { payment, order } = this;
    // Asking for the payment makes the server ask the provider, when its notification is overdue.
    if (payment !== null) await this.visit.api.payment(order.id, payment.id).catch(() => undefined);
    await this.refresh();
  }

  /** Fetches the pass and again before it expires, by the server's clock. */
  async #renewPass(): Promise<void> {
    const { order } = this;
    if (order?.status !== "paid" || this.#renewing) return;
    this.#renewing = true;
    clearTimeout(this.#passTimer);
    let wait_ms = PASS_RETRY_MS;
    try {
      const pass = await this.visit.api.pass(order.id);
      if (this.order?.id !== order.id) return;
      this.pass = pass;
      this.visit.keep.write("pass", pass);
      const left_ms = Date.parse(pass.expires_at) - serverNow();
      wait_ms = Math.max(PASS_RETRY_MS, left_ms * 0.6);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === "order_left") return this.goodbye();
      if (this.pass !== null && Date.parse(this.pass.expires_at) < serverNow()) this.pass = null;
    } finally {
      this.#renewing = false;
    }
    const again = this.#renewAgain;
    this.#renewAgain = false;
    if (this.order?.id !== order.id) return;
    if (again) return this.#renewPass();
    this.#passTimer = setTimeout(() => void this.#renewPass(), wait_ms);
  }

  async #readAudit(order: Order): Promise<void> {
    const audit = await this.visit.api.audit(order.id).catch(() => null);
    if (audit !== null && this.order?.id === order.id) this.audit = audit;
  }

  async #readAge(order: Order): Promise<void> {
    if (order.basket.lines.every(({ age_limit }) => age_limit === null)) return;
    const age = await this.visit.api.ageCheck(order.id).catch(() => null);
    if (age !== null && this.order?.id === order.id) this.age = age;
  }

  #drop(): void {
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#passTimer);
    this.#passTimer = undefined;
    this.order = this.pass = this.receipt = this.audit = this.age = this.exit = null;
    for (const name of ["order", "pass", "attempt"]) this.visit.keep.write(name, null);
  }

  #forget(): void {
    this.#drop();
    this.methods = null;
    this.working = null;
    this.#eventsFlow = false;
  }
}

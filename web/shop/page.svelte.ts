import { asProblem, Problem, serverNow, shopperApi, type ShopperApi } from "../shared/api.ts";
import { listen } from "../shared/events.ts";
import { Extras } from "../shared/extras.svelte.ts";
import { channelFor, follow, sorted } from "../shared/paying.ts";
import { soundDone } from "../shared/sound.ts";
import { tellProblem } from "../shared/telling.ts";
import type { Audit, ExitPass, Order, Payment, PaymentBody, PaymentMethod, Receipt } from "../shared/types.ts";
import { uuid } from "../shared/uuid.ts";

export type Phase = "loading" | "unknown" | "open" | "pending" | "paid" | "left" | "closed";

const POLL_MS_PENDING = 3_000; // the wallet's answer is awaited, and a notification can get lost
const POLL_MS = 20_000;
const RETRY_MS = 3_000;

/** The page of one order: read, followed by events, paid. */
export class OrderPage {
  order = $state.raw<Order | null>(null);
  methods = $state.raw<readonly PaymentMethod[] | null>(null);
  pass = $state.raw<ExitPass | null>(null);
  /** Whether the goods are scanned again on the way out, and why. */
  audit = $state.raw<Audit | null>(null);
  receipt = $state.raw<Receipt | null>(null);
  connected = $state(true);
  working = $state<"pay" | "close" | null>(null);
  /** What the lane said of this order's exit: `claimed`, `accepted`, `released`; `aside` on the way to the side bay. */
  exit = $state<string | null>(null);
  #unknown = $state(false);

  readonly pending = $derived(this.order?.payments.find(({ status }) => status === "pending") ?? null);
  readonly failed = $derived(this.order?.payments.at(-1)?.status === "failed");
  readonly phase = $derived.by((): Phase => {
    if (this.#unknown) return "unknown";
    if (this.order === null) return "loading";
    if (this.order.status === "open") return this.pending ? "pending" : "open";
    return this.order.status;
  });

  readonly api: ShopperApi;
  readonly extras = new Extras(this);
  readonly #token: string | null;
  #attempts = new Map<string, string>();
  #poll: ReturnType<typeof setTimeout> | undefined;
  #renew: ReturnType<typeof setTimeout> | undefined;
  #stop: (() => void) | undefined;

  constructor(token: string | null) {
    this.#token = token;
    this.api = shopperApi(token);
    this.#unknown = token === null;
  }

  /** Follows the order until the returned function is called. */
  start(): () => void {
    if (this.#token === null) return () => undefined;
    void this.refresh();
    this.#stop = listen({
      token: this.#token,
      onConnect: () => void this.refresh(),
      onEvent: ({ event, data }) => {
        if (event === "exit") this.#onExit(data as { status?: string; kind?: string });
        void this.refresh();
      },
    });
    // Coming back from the wallet can bring this very page out of the browser's memory, still waiting.
    const onShow = (event: PageTransitionEvent) => {
      if (!event.persisted) return;
      this.working = null;
      void this.refresh();
    };
    addEventListener("pageshow", onShow);
    return () => {
      removeEventListener("pageshow", onShow);
      this.#end();
    };
  }

  async refresh(): Promise<void> {
    clearTimeout(this.#poll);
    try {
      this.#take(await this.api.currentOrder());
      this.connected = true;
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 401 || problem.status === 404) return this.#forget();
      this.connected = false;
    }
    this.#pollLater();
  }

  async pay(method: PaymentMethod, payer_code = ""): Promise<void> {
    const { order } = this;
    if (order === null || this.working !== null) return;
    this.working = "pay";
    const channel = channelFor(method);
    if (channel === "in_wallet" && payer_code === "" && (await this.#identify(order, method))) return;
    const payment = await this.#attempt(
      order,
      method.method,
      payer_code === "" ? { channel } : { channel, payer_code },
    );
    if (payment?.status === "pending" && payment.action !== null && follow(payment.action)) {
      // The page is being left: “working” stays until the browser shows it again.
      return;
    }
    this.working = null;
    await this.refresh();
  }

  /** A wallet's own browser is led away to say who it is, and comes back with a code. */
  async #identify(order: Order, method: PaymentMethod): Promise<boolean> {
    try {
      const { url } = await this.api.payer(order.id, method.method);
      if (url === "") return false;
      location.assign(url);
      return true;
    } catch (error) {
      tellProblem(error);
      return false;
    }
  }

  /** Back from being identified: the payment goes on by itself, once, and the code leaves the address. */
  async #goOn(): Promise<void> {
    const asked = new URLSearchParams(location.search);
    const [code, state] = [asked.get("code"), asked.get("state")];
    if (code === null || state === null || this.order?.status !== "open" || this.pending !== null) return;
    history.replaceState(null, "", location.pathname);
    const method = this.methods?.find((one) => one.method === state);
    if (method) await this.pay(method, code);
  }

  /** Gives the open attempt up, so that another way can be chosen. */
  async giveUp(): Promise<void> {
    const { order, pending } = this;
    if (order === null || pending === null || this.working !== null) return;
    this.working = "close";
    try {
      await this.api.closePayment(order.id, pending.id);
    } catch (error) {
      tellProblem(error);
    }
    this.working = null;
    await this.refresh();
  }

  async loadMethods(): Promise<void> {
    try {
      this.methods = sorted(await this.api.paymentMethods());
      void this.#goOn();
    } catch {
      setTimeout(() => void this.loadMethods(), RETRY_MS);
    }
  }

  /** A second press of the same way is the same attempt: it keeps its id until the server has taken it. */
  async #attempt(order: Order, method: string, how: Partial<PaymentBody>): Promise<Payment | null> {
    const id = this.#attempts.get(method) ?? uuid();
    this.#attempts.set(method, id);
    try {
      const payment = await this.api.pay(order.id, { method, id, ...how });
      this.#attempts.delete(method);
      return payment;
    } catch (error) {
      if (error instanceof Problem && error.permanent) this.#attempts.delete(method);
      if (error instanceof Problem && error.code === "payment_open")
        return (error.details["payment"] as Payment | undefined) ?? null;
      tellProblem(error);
      return null;
    }
  }

  #take(order: Order): void {
    const before = this.order;
    // An answer that was overtaken must not take back what was paid.
    if (before !== null && RANK[order.status] < RANK[before.status]) return;
    this.order = order;
    if (before?.status === "open" && order.status === "paid") soundDone();
    if (order.status === "open" && this.methods === null) void this.loadMethods();
    if (order.status === "paid" && this.#renew === undefined) void this.#renewPass(order.id);
    if (order.status === "paid") void this.#readAudit(order.id);
    if (order.status === "paid" || order.status === "left") void this.#loadReceipt(order.id);
    if (order.status === "left" || order.status === "closed") this.#end();
  }

  #pollLater(): void {
    clearTimeout(this.#poll);
    if (this.phase === "left" || this.phase === "closed" || this.phase === "unknown") return;
    const wait_ms = this.phase === "pending" || !this.connected ? POLL_MS_PENDING : POLL_MS;
    this.#poll = setTimeout(() => void this.#ask(), wait_ms);
  }

  async #ask(): Promise<void> {
    if (document.hidden) return this.#pollLater();
    const { order, pending } = this;
    // Asking for the payment makes the server ask the provider, when its notification is overdue.
    if (order !== null && pending !== null) await this.api.payment(order.id, pending.id).catch(() => null);
    await this.refresh();
  }

  /** Fetches the pass, and again well before it expires by the server's clock. */
  async #renewPass(order_id: string): Promise<void> {
    let wait_ms = RETRY_MS;
    clearTimeout(this.#renew);
    try {
      this.pass = await this.api.pass(order_id);
      wait_ms = Math.max(RETRY_MS, (Date.parse(this.pass.expires_at) - serverNow()) * 0.6);
    } catch (error) {
      if (asProblem(error).code === "order_left") return void this.refresh();
      if (this.pass !== null && Date.parse(this.pass.expires_at) < serverNow()) this.pass = null;
    }
    if (this.phase === "paid") this.#renew = setTimeout(() => void this.#renewPass(order_id), wait_ms);
  }

  async #readAudit(order_id: string): Promise<void> {
    this.audit = await this.api.audit(order_id).catch(() => this.audit);
  }

  async #loadReceipt(order_id: string): Promise<void> {
    if (this.receipt !== null) return;
    try {
      this.receipt = await this.api.receipt(order_id);
    } catch {
      setTimeout(() => void this.#loadReceipt(order_id), RETRY_MS);
    }
  }

  #onExit({ status = null, kind }: { status?: string | null; kind?: string }): void {
    if (kind === "exit.aside") this.exit = "aside";
    else if (this.exit === "aside" && (status === "claimed" || status === "accepted") && kind !== "exit.taken")
      return; // still in the bay, cleared or not
    else this.exit = status === "abandoned" ? null : status;
  }

  #forget(): void {
    this.#unknown = true;
    this.order = this.pass = this.receipt = null;
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#poll);
    clearTimeout(this.#renew);
    this.pass = null;
    this.#stop?.();
  }
}

const RANK = { open: 0, closed: 1, paid: 2, left: 3 } as const;

import { asProblem, Problem, shopperApi, type ShopperApi } from "../shared/api.ts";
import { listen, type ServerEvent } from "../shared/events.ts";
import { inLanguage, language, nameOf, t } from "../shared/language.svelte.ts";
import { formatMoney } from "../shared/money.ts";
import { announce, clearNotices, notify } from "../shared/notices.svelte.ts";
import { soundDone, soundLook, unlockSound } from "../shared/sound.ts";
import type { Basket, BasketCoupon, BatchAnswer, Line, LineAnswer } from "../shared/types.ts";
import { uuid } from "../shared/uuid.ts";
import { canPack, partsOf } from "../shared/basket-parts.ts";
import { browserShelf, Keep } from "./keep.ts";
import { expect, handed, Queue, type Action, type Addition, type ScanAction } from "./queue.ts";
import { isVisitLost, Sender } from "./sender.ts";

export interface Trip {
  readonly id: string;
  readonly token: string;
  /** Seals what is handed to a kiosk without a network. */
  readonly basket_key?: string | null;
}

/** How a line came into the bag: to put it back after a deletion, and to show the latest first. */
interface Scanned {
  readonly code: string;
  readonly symbology: string | null;
  readonly at_ms: number;
}

/** A scan that was kept while the network was away and then refused; stays until the shopper has read it. */
export interface Refusal {
  readonly id: string;
  readonly code: string | null;
  readonly zh: string;
  readonly en: string;
}

const ANSWER_MS = 700; // after this a scan is confirmed as kept, whatever the network does
const REFRESH_MS = 250;
const LOCK = "unqueue.handset.sender";

/** The visit: one trip, its basket, and what is still to be sent. Screens read its fields and call its verbs. */
export class Visit {
  trip = $state.raw<Trip | null>(null);
  basket = $state.raw<Basket | null>(null);
  actions = $state.raw<readonly Action[]>([]);
  refusals = $state.raw<readonly Refusal[]>([]);
  /** Whether the store answered when it was last asked. */
  connected = $state(true);
  /** The line that a scan touched last, and how many scans there were: both drive what moves on the screen. */
  latest = $state<number | null>(null);
  scans = $state(0);

  #scanned = $state.raw<Readonly<Record<number, Scanned>>>({});
  /** By the coupon's number in the bag. */
  #scannedCoupons: Readonly<Record<number, Scanned>> = {};

  readonly expected = $derived(
    this.basket === null
      ? { quantities: new Map<number, number>(), couponsGone: new Set<number>(), waiting: [] }
      : expect(this.basket, this.actions),
  );
  /** What lies in the bag, latest first, without lines that are being deleted. */
  readonly lines = $derived.by((): readonly Line[] => {
    const recency = (line: Line) => this.#scanned[line.line]?.at_ms ?? 0;
    return (this.basket?.lines ?? [])
      .filter((line) => this.expected.quantities.get(line.line) !== 0)
      .toSorted((a, b) => recency(b) - recency(a) || b.line - a.line);
  });

  /** The coupons in the bag, latest first, without those that are being taken out. */
  readonly coupons = $derived(
    (this.basket?.coupons ?? []).filter(({ coupon }) => !this.expected.couponsGone.has(coupon)).toReversed(),
  );

  readonly keep: Keep;
  readonly #queue: Queue;
  #sender: Sender | null = null;
  #stopListening: (() => void) | null = null;
  #wake: (() => void) | null = null;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #awaited = new Map<string, ReturnType<typeof setTimeout>>();
  #late = 0;
  #changesHeard = 0;
  #changesAnswered = 0;

  /** Told by the checkout, which sits above: events that are not the basket's, and the end of the visit. */
  onEvent: (event: ServerEvent) => void = () => undefined;
  onReset: () => void = () => undefined;

  constructor(keep: Keep = new Keep(browserShelf())) {
    this.keep = keep;
    this.#queue = new Queue(keep, () => Date.now());
    addEventListener("online", () => this.#hope());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hope();
    });
  }

  get api(): ShopperApi {
    return shopperApi(this.trip?.token ?? null);
  }

  quantityOf(line: Line): number {
    return this.expected.quantities.get(line.line) ?? line.quantity;
  }

  /** Reads what was kept and takes up where it was left; call once, and when another tab changed it. */
  resume(): void {
    const trip = this.keep.read<Trip>("trip");
    if (trip === null) {
      if (this.trip !== null) this.#forget();
      return;
    }
    this.basket = this.keep.read<Basket>("basket");
    this.#scanned = this.keep.read<Record<number, Scanned>>("scanned") ?? {};
    this.#scannedCoupons = this.keep.read<Record<number, Scanned>>("coupons") ?? {};
    this.refusals = this.keep.read<Refusal[]>("refusals") ?? [];
    this.actions = this.#queue.entries().map((entry) => entry.action);
    if (this.trip?.id !== trip.id) this.#begin(trip);
  }

  /** Throws a `Problem` where no trip can be had. */
  async start(): Promise<void> {
    unlockSound();
    const { id, token, basket, basket_key } = await this.api.startTrip({ language: language.current });
    this.keep.clear();
    this.keep.write("trip", { id, token, basket_key } satisfies Trip);
    this.keep.write("basket", basket);
    language.set(language.current);
    this.resume();
  }

  scan(code: string, symbology: string | null, quantity = 1): void {
    unlockSound();
    const action: Action = { kind: "scan", id: uuid(), code, quantity, symbology, at: new Date().toISOString() };
    this.scans += 1;
    this.#awaited.set(
      action.id,
      setTimeout(() => {
        this.#awaited.delete(action.id);
        this.#late += 1;
        soundDone();
        announce(t("handset.kept"));
      }, ANSWER_MS),
    );
    this.#do(action);
  }

  /** One more or fewer of each line. What falls to none is deleted, and can be undone. */
  change(lines: readonly Line[], by: 1 | -1): void {
    const gone = lines.filter((line) => this.quantityOf(line) + by < 1);
    const rest = lines.filter((line) => !gone.includes(line) && line.sold_by === "piece");
    if (rest.length > 0) {
      this.#batch({ change: rest.map(({ line }) => ({ line, by })) });
      const only = rest.length === 1 ? rest[0] : undefined;
      if (only) announce(t("handset.quantity_now", { name: nameOf(only), count: this.quantityOf(only) }));
    }
    if (gone.length > 0) this.remove(gone);
  }

  remove(lines: readonly Line[]): void {
    const standing = [...lines].sort((one, other) => one.line - other.line);
    const back = standing.map((line): Addition => {
      const scanned = this.#scanned[line.line];
      const code = scanned?.code ?? line.gtin;
      return { code, quantity: this.quantityOf(line), symbology: scanned?.symbology ?? null };
    });
    this.#batch({ delete: lines.map(({ line }) => line) });
    const only = lines.length === 1 ? lines[0] : undefined;
    const text = only
      ? t("handset.removed", { name: nameOf(only) })
      : t("handset.removed_many", { count: lines.length });
    notify({ kind: "done", text, action: { label: t("action.undo"), run: () => this.#batch({ add: back }) } }, 8_000);
  }

  removeCoupon(coupon: BasketCoupon): void {
    this.#batch({ delete_coupons: [coupon.coupon] });
    const text = t("handset.removed", { name: inLanguage(coupon) });
    const scanned = this.#scannedCoupons[coupon.coupon];
    // Only who scanned it knows its code; the server does not tell it.
    const action = scanned && { label: t("action.undo"), run: () => this.#putBack(scanned) };
    notify({ kind: "done", text, ...(action && { action }) }, 8_000);
  }

  dismissRefusal(id: string): void {
    this.refusals = this.refusals.filter((refusal) => refusal.id !== id);
    this.keep.write("refusals", this.refusals);
  }

  /** The name of a product that was scanned before with this code, while its answer is still on the way. */
  nameOfCode(code: string): string | null {
    const line = this.basket?.lines.find(({ line }) => this.#scanned[line]?.code === code);
    return line === undefined ? null : nameOf(line);
  }

  /** Sends what waits, for as long as `within_ms`; answers whether all of it arrived. */
  async settle(within_ms: number): Promise<boolean> {
    this.#wake?.();
    const late = new Promise<void>((resolve) => setTimeout(resolve, within_ms));
    await Promise.race([this.#sender?.kick(), late]);
    return this.#queue.entries().length === 0;
  }

  /** Whether the basket can go to a kiosk without a network. */
  get canHandOver(): boolean {
    return typeof this.trip?.basket_key === "string" && canPack();
  }

  /** The parts that hand what waits to a kiosk. */
  async handOver(): Promise<readonly string[]> {
    const { trip, actions } = this;
    if (typeof trip?.basket_key !== "string") throw new Error("this visit has no key");
    return await partsOf(trip.id, { version: 1, actions: actions.map(handed) }, trip.basket_key);
  }

  /** Asks the server for the basket. */
  async refresh(): Promise<void> {
    const { trip } = this;
    if (trip === null) return;
    try {
      const basket = await this.api.trip(trip.id);
      this.connected = true;
      if (this.trip?.id === trip.id) this.apply(basket);
    } catch (error) {
      const problem = asProblem(error);
      this.connected = problem.status !== 0;
      if (this.trip?.id === trip.id && isVisitLost(problem)) this.#lost();
    }
  }

  /** Takes a basket over unless a later one is known: answers can overtake each other. */
  apply(basket: Basket): void {
    if (this.basket !== null && basket.version < this.basket.version) return;
    this.basket = basket;
    this.keep.write("basket", basket);
  }

  /** Ends the visit on this device: nothing of it stays, in memory or in storage. */
  wipe(): void {
    this.keep.clear();
    language.forget();
    this.#forget();
  }

  #begin(trip: Trip): void {
    this.#quiet();
    this.trip = trip;
    this.#late = this.actions.filter(({ kind }) => kind === "scan").length;
    this.#sender = new Sender(this.#queue, {
      scan: (body) => shopperApi(trip.token).scan(trip.id, body),
      batch: (body) => shopperApi(trip.token).batch(trip.id, body),
      basket: () => this.keep.read<Basket>("basket"),
      alone: async (work) => (navigator.locks === undefined ? work() : await navigator.locks.request(LOCK, work)),
      pause: (pause_ms) => this.#pause(pause_ms),
      onScan: (action, answer) => this.#onScan(action, answer),
      onBatch: (_action, answer) => this.#onBatch(answer),
      onTaken: (action) => this.#onTaken(action),
      onRefused: (action, problem) => this.#onRefused(action, problem),
      onVisitLost: () => this.#lost(),
      onConnection: (connected) => (this.connected = connected),
      onShorter: () => this.#showQueue(),
    });
    this.#stopListening = listen({
      token: trip.token,
      onConnect: () => {
        this.connected = true;
        this.#wake?.();
        void this.refresh();
        this.onEvent({ event: "connected", data: null });
      },
      onDisconnect: () => this.onEvent({ event: "disconnected", data: null }),
      onEvent: (event) => {
        if (event.event === "basket") this.#heard(event);
        else this.onEvent(event);
      },
    });
    this.#kick();
  }

  /**
   * Someone else changed the basket, if more changes are told of than this tab has had answers to; answer and event
   * of one change come in either order. To look is told of too, and changes nothing.
   */
  #heard({ data }: ServerEvent): void {
    const kind = (data as { kind?: string } | null)?.kind;
    if (kind === "trip.viewed" || kind === "trip.opened") return;
    this.#changesHeard += 1;
    this.#compareSoon();
  }

  #compareSoon(): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => {
      if (this.#changesHeard > this.#changesAnswered) void this.refresh();
      this.#changesHeard = this.#changesAnswered = 0;
    }, REFRESH_MS);
  }

  #batch(parts: {
    add?: Addition[];
    change?: { line: number; by: number }[];
    delete?: number[];
    delete_coupons?: number[];
  }): void {
    this.#do({ kind: "batch", id: uuid(), add: [], change: [], delete: [], delete_coupons: [], ...parts, body: null });
  }

  /** A coupon comes back by a scan of its own, so that its new number is known with its code. */
  #putBack({ code, symbology }: Scanned): void {
    this.#do({ kind: "scan", id: uuid(), code, quantity: 1, symbology, at: new Date().toISOString() });
  }

  #do(action: Action): void {
    this.#queue.add(action);
    this.#showQueue();
    this.#kick();
  }

  #kick(): void {
    void this.#sender?.kick().then(() => {
      this.#showQueue();
      if (this.#late > 0 && this.actions.length === 0) {
        notify({ kind: "done", text: t("handset.caught_up", { count: this.#late }) });
        this.#late = 0;
      }
    });
  }

  /** The network or the page has come back: no need to wait the pause out. */
  #hope(): void {
    this.#wake?.();
    void this.refresh();
  }

  #showQueue(): void {
    this.actions = this.#queue.entries().map((entry) => entry.action);
  }

  #pause(pause_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pause_ms);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }

  #onScan(action: ScanAction, answer: LineAnswer): void {
    this.#changesAnswered += 1;
    this.#compareSoon();
    const { line, coupon, basket } = answer;
    this.apply(basket);
    if (coupon) this.#onCoupon(coupon, action);
    if (line !== null) {
      this.#remember(line, action);
      this.latest = line.line;
    }
    if (line === null && !coupon && basket.member) this.#onMember(action);
    if (!this.#answered(action.id) || line === null) return;
    soundDone();
    announce(t("handset.added", { name: nameOf(line), total: formatMoney(basket.total, language.locale) }));
  }

  #onMember({ id }: ScanAction): void {
    if (!this.#answered(id)) return;
    soundDone();
    notify({ kind: "done", text: t("handset.member_shown") });
  }

  #onCoupon(coupon: BasketCoupon, { id, code, symbology }: ScanAction): void {
    this.#scannedCoupons = { ...this.#scannedCoupons, [coupon.coupon]: { code, symbology, at_ms: Date.now() } };
    this.keep.write("coupons", this.#scannedCoupons);
    if (!this.#answered(id)) return;
    soundDone();
    const name = inLanguage(coupon);
    const saved = formatMoney(coupon.amount, language.locale);
    announce(
      coupon.problem === null
        ? t("handset.coupon_added", { name, saved })
        : t("handset.coupon_waits", { name, why: inLanguage(coupon.problem) }),
    );
  }

  #onBatch(answer: BatchAnswer | null): void {
    if (answer === null) return;
    this.#changesAnswered += 1;
    this.#compareSoon();
    this.apply(answer.basket);
    for (const { code, problem } of answer.refused) this.#refuse(code, problem.zh, problem.en);
  }

  /** A kiosk has brought it to the store while the network was away. */
  #onTaken(action: Action): void {
    if (action.kind === "scan") this.#answered(action.id);
    void this.refresh();
  }

  #onRefused(action: Action, problem: Problem): void {
    if (action.kind === "scan" && this.#answered(action.id)) {
      soundLook();
      notify({ kind: "look", text: `${inLanguage(problem)} (${action.code})` });
      return;
    }
    if (action.kind === "scan") this.#late = Math.max(0, this.#late - 1);
    this.#refuse(action.kind === "scan" ? action.code : null, problem.zh, problem.en);
    void this.refresh();
  }

  #refuse(code: string | null, zh: string, en: string): void {
    soundLook();
    announce(inLanguage({ zh, en }), true);
    this.refusals = [...this.refusals, { id: uuid(), code, zh, en }];
    this.keep.write("refusals", this.refusals);
  }

  /** Whether the scan's answer came while the shopper was still waiting for it. */
  #answered(id: string): boolean {
    const timer = this.#awaited.get(id);
    clearTimeout(timer);
    return this.#awaited.delete(id);
  }

  #remember(line: Line, { code, symbology }: ScanAction): void {
    this.#scanned = { ...this.#scanned, [line.line]: { code, symbology, at_ms: Date.now() } };
    this.keep.write("scanned", this.#scanned);
  }

  #lost(): void {
    this.wipe();
    notify({ kind: "look", text: t("handset.visit_over") });
  }

  #quiet(): void {
    this.#sender?.stop();
    this.#sender = null;
    this.#stopListening?.();
    this.#stopListening = null;
    this.#wake?.();
    clearTimeout(this.#refreshTimer);
    for (const timer of this.#awaited.values()) clearTimeout(timer);
    this.#awaited.clear();
    this.#late = 0;
  }

  #forget(): void {
    this.#quiet();
    this.trip = this.basket = this.latest = null;
    this.actions = [];
    this.refusals = [];
    this.#scanned = {};
    this.#scannedCoupons = {};
    this.scans = 0;
    this.connected = true;
    clearNotices();
    this.onReset();
  }
}

import { asProblem, type Problem } from "../../shared/api.ts";
import { language, t } from "../../shared/language.svelte.ts";
import { formatMoney } from "../../shared/money.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone } from "../../shared/sound.ts";
import { tellProblem } from "../../shared/telling.ts";
import type { StaffApi } from "../api.ts";
import { oneAtATime } from "../reading.ts";
import type { BackBy, Decision, GivenTwice, LateRefund, PaidBy, Return, StuckPayment } from "../types.ts";

/**
 * What waits at the service desk: refunds that a second person has to agree to, money that has not arrived with its
 * shopper or has arrived twice, and payments whose end nobody has told.
 */
export class Waiting {
  returns = $state.raw<readonly Return[] | null>(null);
  late = $state.raw<readonly LateRefund[] | null>(null);
  /** What shoppers got by hand and from the provider as well. */
  twice = $state.raw<readonly GivenTwice[]>([]);
  stuck = $state.raw<readonly StuckPayment[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The return or refund that is being decided. */
  working = $state<string | null>(null);
  /** The return that was agreed to last: its cash has still to be handed over. */
  agreed = $state.raw<Return | null>(null);
  readonly count = $derived(
    [this.returns, this.late, this.stuck, this.twice].reduce((count, list) => count + (list?.length ?? 0), 0),
  );
  readonly #api: StaffApi;
  readonly read = oneAtATime(() => this.#read());

  constructor(api: StaffApi) {
    this.#api = api;
  }

  async decide(one: Return, decision: "accept" | "reject"): Promise<void> {
    await this.#work(one.id, async () => {
      const decided = await this.#api.decide(one.id, decision);
      if (decision === "accept") this.agreed = decided;
      notify({ kind: "done", text: t(decision === "accept" ? "desk.agreed" : "desk.turned_down") });
    });
  }

  /** Answers whether it is noted; the money was handed over before. */
  async handOver(one: LateRefund): Promise<boolean> {
    return this.#work(one.id, async () => {
      await this.#api.handOver(one.id);
      const amount = formatMoney(one.amount, language.locale);
      notify({ kind: "done", text: t("desk.by_hand_done", { amount }) });
    });
  }

  /** A kiosk that is silent has claimed it, and nothing came out. */
  async release(one: LateRefund, reason: string): Promise<boolean> {
    return this.#work(one.id, async () => {
      await this.#api.releaseRefund(one.id, reason);
      notify({ kind: "done", text: t("desk.released") });
    });
  }

  /** Its provider says nothing: it was given back another way. */
  async settle(one: LateRefund, paid_by: PaidBy, reason: string): Promise<boolean> {
    return this.#work(one.id, async () => {
      await this.#api.settleRefund(one.id, paid_by, reason);
      const amount = formatMoney(one.amount, language.locale);
      notify({ kind: "done", text: t(`desk.settled.${paid_by}`, { amount }) });
    });
  }

  /** Answers whether it is decided; a provider may still be away, and then it can be said again. */
  async decidePayment(one: StuckPayment, decision: Decision): Promise<boolean> {
    return this.#work(one.payment.id, async () => {
      const { status } = await this.#api.decidePayment(one.payment.id, decision);
      const became = status === "succeeded" || status === "failed" ? status : "surplus";
      const amount = formatMoney(one.payment.amount, language.locale);
      notify({ kind: "done", text: t(`desk.stuck_done.${became}`, { amount }) });
    });
  }

  /** What came twice is back, or the store bears it. It can be said once. */
  async endTwice(one: GivenTwice, back_by: BackBy, reason: string): Promise<boolean> {
    return this.#work(one.refund_id, async () => {
      await this.#api.endGivenTwice(one.refund_id, back_by, reason);
      const amount = formatMoney(one.amount, language.locale);
      notify({ kind: "done", text: t(`desk.twice_ended.${back_by}`, { amount }) });
    });
  }

  async #read(): Promise<void> {
    try {
      [this.returns, this.late, this.stuck, this.twice] = await Promise.all([
        this.#api.returnsWaiting(),
        this.#api.refundsLate(),
        this.#api.paymentsStuck(),
        this.#api.refundsTwice(),
      ]);
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Answers as soon as it is noted, so that its sheet closes; nothing else can be begun until all was read anew. */
  async #work(id: string, work: () => Promise<void>): Promise<boolean> {
    if (this.working !== null) return false;
    this.working = id;
    try {
      await work();
      soundDone();
      return true;
    } catch (error) {
      tellProblem(error);
      return false;
    } finally {
      void this.read().finally(() => (this.working = null));
    }
  }
}

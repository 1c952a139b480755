import { asProblem, type Problem } from "../../shared/api.ts";
import { inLanguage, language, t } from "../../shared/language.svelte.ts";
import { formatMoney } from "../../shared/money.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone, soundLook } from "../../shared/sound.ts";
import type { StaffApi } from "../api.ts";
import type { LateRefund, Return } from "../types.ts";

/** What waits at the service desk: refunds that a second person has to agree to, and money that has not arrived. */
export class Waiting {
  returns = $state.raw<readonly Return[] | null>(null);
  late = $state.raw<readonly LateRefund[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The return or refund that is being decided. */
  working = $state<string | null>(null);
  /** The return that was agreed to last: its cash has still to be handed over. */
  agreed = $state.raw<Return | null>(null);
  readonly count = $derived((this.returns?.length ?? 0) + (this.late?.length ?? 0));
  readonly #api: StaffApi;
  #reading = false;
  #wanted = false;

  constructor(api: StaffApi) {
    this.#api = api;
  }

  /** One reading at a time; what is asked for meanwhile makes one more. */
  async read(): Promise<void> {
    this.#wanted = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#wanted) {
      this.#wanted = false;
      try {
        [this.returns, this.late] = await Promise.all([this.#api.returnsWaiting(), this.#api.refundsLate()]);
        this.problem = null;
      } catch (error) {
        this.problem = asProblem(error);
      }
    }
    this.#reading = false;
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

  async #work(id: string, work: () => Promise<void>): Promise<boolean> {
    if (this.working !== null) return false;
    this.working = id;
    try {
      await work();
      soundDone();
      return true;
    } catch (error) {
      soundLook();
      notify({ kind: "look", text: inLanguage(asProblem(error)) });
      return false;
    } finally {
      this.working = null;
      await this.read();
    }
  }
}

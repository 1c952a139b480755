import { asProblem, type Problem } from "../../shared/api.ts";
import { inLanguage, t } from "../../shared/language.svelte.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone, soundLook } from "../../shared/sound.ts";
import type { StaffApi } from "../api.ts";
import { oneAtATime } from "../reading.ts";
import type { Debt, SmsTrouble } from "../types.ts";
import { Once } from "./once.ts";

const LOOK_AGAIN_MS = [1_500, 4_000, 10_000] as const; // what was sent again may fail again

/** Papers that did not reach their shopper: receipts whose SMS failed, and money that kiosks owe against a slip. */
export class Texts {
  troubles = $state.raw<readonly SmsTrouble[] | null>(null);
  debts = $state.raw<readonly Debt[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The one that is being sent again, and why its number was refused. */
  again = $state.raw<SmsTrouble | null>(null);
  refused = $state.raw<Problem | null>(null);
  sending = $state(false);
  readonly #api: StaffApi;
  readonly #once = new Once<{ readonly number: string }>();
  readonly read = oneAtATime(() => this.#read());

  constructor(api: StaffApi) {
    this.#api = api;
  }

  begin(one: SmsTrouble): void {
    this.again = one;
    this.refused = null;
    this.#once.settled();
  }

  close(): void {
    this.again = this.refused = null;
    this.#once.settled();
  }

  /** To a number, or (empty) to the one that is kept. While nobody knows whether that arrived, again is the very same. */
  async send(number: string): Promise<void> {
    const { again } = this;
    if (again === null || this.sending) return;
    this.sending = true;
    this.refused = null;
    try {
      const sent = await this.#api.sendAgain(again.order_id, this.#once.begin({ number }));
      soundDone();
      notify({ kind: "done", text: t("desk.sms_sent", { number: sent.number }) });
      this.close();
      for (const pause of LOOK_AGAIN_MS) setTimeout(() => void this.read(), pause);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.permanent) this.#once.settled();
      this.refused = problem;
      soundLook();
      if (problem.code === "sms_not_failed") {
        notify({ kind: "look", text: inLanguage(problem) });
        this.close();
      }
    } finally {
      this.sending = false;
      await this.read();
    }
  }

  async #read(): Promise<void> {
    try {
      [this.troubles, this.debts] = await Promise.all([this.#api.smsTroubles(), this.#api.debts()]);
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }
}

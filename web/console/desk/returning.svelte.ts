import { asProblem, Problem } from "../../shared/api.ts";
import { inLanguage, t } from "../../shared/language.svelte.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone, soundLook } from "../../shared/sound.ts";
import type { StaffApi } from "../api.ts";
import type { Desk, DeskLine, Quote, Return, ReturnBody } from "../types.ts";
import { Once } from "./once.ts";
import { count, everything, lineOf, NOTHING, pick, still, wanted, type Picked } from "./returns.ts";

const QUOTE_AFTER_MS = 150; // someone who presses plus five times asks once

/** Taking goods back: the order, what was chosen of it, what that is worth, and how it went. */
export class Returning {
  desk = $state.raw<Desk | null>(null);
  finding = $state(false);
  /** Why there is no order to see. */
  problem = $state.raw<Problem | null>(null);
  picked = $state.raw<Picked>(NOTHING);
  quote = $state.raw<Quote | null>(null);
  quote_problem = $state.raw<Problem | null>(null);
  reason = $state("");
  sending = $state(false);
  /** The server may have got the return, or not. */
  unsure = $state(false);
  made = $state.raw<Return | null>(null);
  readonly count = $derived(count(this.picked));
  readonly #api: StaffApi;
  readonly #once = new Once<Omit<ReturnBody, "id">>();
  #asked = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(api: StaffApi) {
    this.#api = api;
  }

  /** A receipt was scanned, or, with its order open, one of the goods that come back. */
  scanned(code: string): void {
    if (this.desk === null) return void this.find(code);
    if (this.made !== null || this.sending || this.unsure) return;
    const line = lineOf(this.desk, this.picked, code);
    if (line) {
      this.pick(line, (this.picked.get(line.line) ?? 0) + 1);
      soundDone();
    } else {
      soundLook();
      notify({ kind: "look", text: t("desk.not_on_order") });
    }
  }

  async find(code: string): Promise<void> {
    const plain = code.trim();
    if (plain === "" || this.finding || this.sending || this.unsure) return;
    this.finding = true;
    try {
      const desk = await this.#api.findOrder(plain);
      this.close();
      this.desk = desk;
    } catch (error) {
      this.close();
      this.problem = asProblem(error);
      soundLook();
    } finally {
      this.finding = false;
    }
  }

  /** The next customer. */
  close(): void {
    this.desk = this.problem = null;
    this.again();
  }

  /** The same order from the start. */
  again(): void {
    this.#once.settled();
    this.unsure = false;
    this.made = null;
    this.reason = "";
    this.#choose(NOTHING);
  }

  pick(line: DeskLine, quantity: number): void {
    this.#choose(pick(this.picked, line, quantity));
  }

  pickAll(all: boolean): void {
    this.#choose(all && this.desk ? everything(this.desk) : NOTHING);
  }

  #choose(picked: Picked): void {
    clearTimeout(this.#soon);
    this.#asked += 1;
    this.picked = picked;
    this.quote = this.quote_problem = null;
    if (picked.size > 0) this.#soon = setTimeout(() => void this.ask(), QUOTE_AFTER_MS);
  }

  /** What is chosen is worth so much; an answer to an earlier choice is not shown. */
  async ask(): Promise<void> {
    if (this.desk === null) return;
    const asked = ++this.#asked;
    this.quote_problem = null;
    try {
      const quote = await this.#api.quote(this.desk.order_id, wanted(this.picked));
      if (asked === this.#asked) this.quote = quote;
    } catch (error) {
      if (asked === this.#asked) this.quote_problem = asProblem(error);
      if (error instanceof Problem && error.permanent) await this.refresh();
    }
  }

  /** Take it back; again, while nobody knows whether that arrived, means the very same. */
  async send(): Promise<void> {
    const { desk } = this;
    if (desk === null || this.sending) return;
    this.sending = true;
    try {
      const body = this.#once.begin({ lines: wanted(this.picked), reason: this.reason });
      this.made = await this.#api.takeBack(desk.order_id, body);
      this.#once.settled();
      this.unsure = false;
      soundDone();
    } catch (error) {
      const problem = asProblem(error);
      this.unsure = !problem.permanent;
      soundLook();
      if (problem.permanent) {
        this.#once.settled();
        notify({ kind: "look", text: inLanguage(problem) });
      }
    } finally {
      this.sending = false;
    }
    if (!this.unsure) await this.refresh();
  }

  /** Whether it arrived shows in the order itself; where it did not, the choice begins anew. */
  async lookAgain(): Promise<void> {
    const { desk } = this;
    if (desk === null) return;
    try {
      const now = await this.#api.findOrder(desk.number);
      const arrived = now.returns.find((one) => this.#once.is(one.id)) ?? null;
      this.desk = now;
      this.again();
      this.made = arrived;
    } catch (error) {
      notify({ kind: "look", text: inLanguage(asProblem(error)) });
    }
  }

  /** The order may have changed: a colleague agreed, money arrived, goods were taken back elsewhere. */
  async refresh(): Promise<void> {
    const { desk, made } = this;
    if (desk === null || this.sending || this.unsure) return;
    try {
      const now = await this.#api.findOrder(desk.number);
      if (this.desk?.order_id !== now.order_id || this.sending || this.unsure) return;
      this.desk = now;
      if (made !== null && this.made?.id === made.id) this.made = now.returns.find(({ id }) => id === made.id) ?? made;
      const picked = still(this.picked, now);
      if (count(picked) !== this.count) this.#choose(picked);
    } catch {
      // What is shown stays: the next event or the clock reads it again.
    }
  }
}

import { asProblem, Problem } from "../../shared/api.ts";
import { inLanguage, language, t } from "../../shared/language.svelte.ts";
import { formatMoney } from "../../shared/money.ts";
import { notify } from "../../shared/notices.svelte.ts";
import { soundDone, soundLook } from "../../shared/sound.ts";
import type { StaffApi } from "../api.ts";
import type { CardFound, NewCardBody, Signature } from "../types.ts";
import { Once } from "./once.ts";

/** The server says so of an action that takes two persons, and of a second one who can't be that. */
const NEEDS_SECOND = "second_signature_needed";
const SIGNED_WRONG: ReadonlySet<string> = new Set([
  NEEDS_SECOND,
  "signature_wrong",
  "not_allowed",
  "too_many_attempts",
]);

type Signing = { readonly amount_minor: number; readonly again: (second: Signature) => Promise<boolean> };

/** The card that lies on the desk: found by its code, filled, blocked, or issued new. */
export class Cards {
  found = $state.raw<CardFound | null>(null);
  finding = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** The code that was looked for last. */
  code = $state("");
  /** A new card is being issued; its number, as far as it is known. */
  issuing = $state(false);
  new_code = $state("");
  working = $state(false);
  /** The server may have got the top-up or the new card, or not. */
  unsure = $state(false);
  /** What a second person has to sign, and what was wrong with the signature. */
  signing = $state.raw<Signing | null>(null);
  sign_problem = $state.raw<Problem | null>(null);
  readonly #api: StaffApi;
  readonly #issue = new Once<Omit<NewCardBody, "id">>();
  readonly #topUp = new Once<{ amount_minor: number; second?: Signature }>();

  constructor(api: StaffApi) {
    this.#api = api;
  }

  /** A card was scanned or swiped: the one to look at, or the blank one to issue. */
  scanned(code: string): void {
    if (this.unsure || this.working) return;
    if (this.issuing) this.new_code = code;
    else void this.find(code);
  }

  async find(code: string): Promise<void> {
    const plain = code.trim();
    if (plain === "" || this.finding || this.unsure) return;
    this.finding = true;
    try {
      const found = await this.#api.findCard(plain);
      this.close();
      this.found = found;
    } catch (error) {
      this.close();
      this.problem = asProblem(error);
      soundLook();
    } finally {
      this.code = plain;
      this.finding = false;
    }
  }

  close(): void {
    this.found = this.problem = null;
    this.issuing = false;
    this.code = this.new_code = "";
    this.forget();
  }

  startIssuing(code: string): void {
    this.close();
    this.issuing = true;
    this.new_code = code;
  }

  /** Give up an action of which nobody knows whether it arrived; the card itself tells. */
  forget(): void {
    this.#issue.settled();
    this.#topUp.settled();
    this.unsure = false;
    this.signing = this.sign_problem = null;
  }

  async lookAgain(): Promise<void> {
    const code = this.issuing ? this.new_code : this.code;
    this.forget();
    await this.find(code);
  }

  async issue(body: Omit<NewCardBody, "id">): Promise<boolean> {
    const signing = { amount_minor: body.amount_minor, again: (second: Signature) => this.issue({ ...body, second }) };
    const work = async () => {
      const sent = this.#issue.begin(body);
      const card = await this.#api.issueCard(sent);
      const amount = formatMoney(card.balance, language.locale);
      notify({ kind: "done", text: t("desk.new_issued", { amount }) });
      this.#issue.settled();
      this.unsure = false;
      await this.find(sent.codes[0] ?? "");
    };
    return this.#work(this.#issue, work, signing);
  }

  async topUp(amount_minor: number, second?: Signature): Promise<boolean> {
    const { found } = this;
    if (found === null) return false;
    const signing = { amount_minor, again: (signature: Signature) => this.topUp(amount_minor, signature) };
    const work = async () => {
      const sent = this.#topUp.begin({ amount_minor, ...(second === undefined ? {} : { second }) });
      const card = await this.#api.topUp(found.card.id, sent);
      this.found = { ...found, card };
      const added = { amount_minor: sent.amount_minor, currency: card.balance.currency };
      notify({ kind: "done", text: t("desk.topped_up", { amount: formatMoney(added, language.locale) }) });
      await this.#reread();
    };
    return this.#work(this.#topUp, work, signing);
  }

  async setStatus(status: "active" | "blocked"): Promise<void> {
    const { found } = this;
    if (found === null || this.unsure) return;
    await this.#work(null, async () => {
      this.found = { ...found, card: await this.#api.setCardStatus(found.card.id, status) };
      notify({ kind: "done", text: t(status === "blocked" ? "desk.card_is_blocked" : "desk.card_is_active") });
    });
  }

  /** The card's moves anew; should that fail, the balance that the server told stays. */
  async #reread(): Promise<void> {
    const found = await this.#api.findCard(this.code).catch(() => null);
    if (found !== null && found.card.id === this.found?.card.id) this.found = found;
  }

  async #work(once: { settled(): void } | null, work: () => Promise<void>, signing?: Signing): Promise<boolean> {
    if (this.working) return false;
    this.working = true;
    try {
      await work();
      once?.settled();
      this.unsure = false;
      this.signing = this.sign_problem = null;
      soundDone();
      return true;
    } catch (error) {
      const problem = asProblem(error);
      this.unsure = once !== null && !problem.permanent;
      if (problem.permanent) once?.settled();
      soundLook();
      if (signing !== undefined && (problem.code === NEEDS_SECOND || this.signing !== null)) {
        if (SIGNED_WRONG.has(problem.code)) return this.#sign(once, problem, signing);
      }
      this.signing = this.sign_problem = null;
      if (!this.unsure) notify({ kind: "look", text: inLanguage(problem) });
      return false;
    } finally {
      this.working = false;
    }
  }

  /** Have it signed by a second person, or signed again: nothing was done. */
  #sign(once: { settled(): void } | null, problem: Problem, signing: Signing): false {
    once?.settled();
    this.unsure = false;
    this.sign_problem = this.signing === null ? null : problem;
    this.signing = signing;
    return false;
  }
}

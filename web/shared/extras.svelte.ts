import { Problem, type ShopperApi } from "./api.ts";
import { inLanguage, language, t } from "./language.svelte.ts";
import { formatMoney } from "./money.ts";
import { notify } from "./notices.svelte.ts";
import { CARD_KIND } from "./paying.ts";
import { soundDone, soundLook } from "./sound.ts";
import { tellProblem } from "./telling.ts";
import type { Order, PaymentMethod } from "./types.ts";
import { uuid } from "./uuid.ts";

/** What an order screen needs to know for coupons, cards of the store, and getting back what was paid. */
export interface Extended {
  readonly api: ShopperApi;
  readonly order: Order | null;
  readonly methods: readonly PaymentMethod[] | null;
  refresh(): Promise<void>;
}

/** Coupons and cards of the store on one order, and the way back from a part that was paid. */
export class Extras {
  working = $state(false);
  readonly #page: Extended;
  /** A code keeps its id until the server has taken it, so that a second press is the same redemption or payment. */
  readonly #ids = new Map<string, string>();

  constructor(page: Extended) {
    this.#page = page;
  }

  get cardMethod(): PaymentMethod | null {
    return this.#page.methods?.find(({ kind }) => kind === CARD_KIND) ?? null;
  }

  /** A code that was typed or scanned: a coupon, or else a card of the store, which pays as much as lies on it. */
  async use(code: string): Promise<boolean> {
    const { order, api } = this.#page;
    if (order === null || code.trim() === "") return false;
    return this.#work(async () => {
      try {
        await api.redeem(order.id, { id: this.#id(`coupon ${order.id} ${code}`), code });
        soundDone();
      } catch (error) {
        const mayBeCard = error instanceof Problem && error.code === "coupon_unknown" && this.cardMethod !== null;
        if (!mayBeCard) throw error;
        await this.#payByCard(order, code, error);
      }
    });
  }

  async withdraw(redemption: string): Promise<void> {
    const { order, api } = this.#page;
    if (order !== null) await this.#work(async () => void (await api.withdraw(order.id, redemption)));
  }

  async giveBack(): Promise<void> {
    const { order, api } = this.#page;
    if (order === null) return;
    await this.#work(async () => {
      await api.giveBack(order.id);
      notify({ kind: "done", text: t("extras.given_back") });
    });
  }

  async #payByCard(order: Order, code: string, unknown: Problem): Promise<void> {
    const { api } = this.#page;
    const method = this.cardMethod?.method ?? "";
    let card;
    try {
      card = await api.cardBalance(code);
    } catch (error) {
      // Neither a coupon nor a card: say it as of a code, not as of a card.
      throw error instanceof Problem && error.code === "card_unknown" ? unknown : error;
    }
    const amount_minor = Math.min(card.balance.amount_minor, order.due.amount_minor);
    if (amount_minor <= 0) {
      soundLook();
      notify({ kind: "look", text: t("extras.card_empty", { tail: card.tail }) });
      return;
    }
    const id = this.#id(`card ${order.id} ${code} ${order.due.amount_minor}`);
    const payment = await api.pay(order.id, { method, id, amount_minor, channel: "page", instrument: code });
    if (payment.status === "succeeded") {
      soundDone();
      const amount = formatMoney(payment.amount, language.locale);
      notify({ kind: "done", text: t("extras.card_paid", { tail: card.tail, amount }) });
    } else if (payment.problem !== null) {
      soundLook();
      notify({ kind: "look", text: inLanguage(payment.problem) });
    }
  }

  #id(what: string): string {
    const known = this.#ids.get(what) ?? uuid();
    this.#ids.set(what, known);
    return known;
  }

  async #work(work: () => Promise<void>): Promise<boolean> {
    if (this.working) return false;
    this.working = true;
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof Problem && error.permanent) this.#ids.clear();
      tellProblem(error);
      return false;
    } finally {
      this.working = false;
      await this.#page.refresh();
    }
  }
}

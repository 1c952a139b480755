import { inLanguage, language, t } from "../shared/language.svelte.ts";
import { formatMoney } from "../shared/money.ts";
import type { KioskState, Money } from "../shared/types.ts";

const money = (amount: Money) => formatMoney(amount, language.locale);

/** What a step says beside its prompt to one who does not see the screen: the amounts, as they are now. */
export function detailsOf({ phase, order, tender, cash }: KioskState): string {
  if (phase === "order" && order) return t("kiosk.said.due", { amount: money(order.due) });
  if (phase === "tender" && cash) {
    if (cash.remaining.amount_minor > 0)
      return t("kiosk.said.cash", { inserted: money(cash.inserted), remaining: money(cash.remaining) });
    return change(cash.to_give);
  }
  if (phase === "tender" && tender && tender.qr_svg !== null)
    return t("kiosk.said.wallet", { method: inLanguage(tender), amount: money(tender.amount) });
  return phase === "paid" && cash ? change(cash.to_give) : "";
}

function change(to_give: readonly Money[]): string {
  const coming = to_give.filter(({ amount_minor }) => amount_minor > 0);
  return coming.map((amount) => t("kiosk.said.change", { amount: money(amount) })).join(" ");
}

import type { Money } from "./types.ts";

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string, locale: string): Intl.NumberFormat {
  const key = `${currency} ${locale}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
    formats.set(key, format);
  }
  return format;
}

/**
 * How many decimals the currency has (ISO 4217: CNY 2, JPY 0, KWD 3), so that minor units become major ones.
 */
export function exponentOf(currency: string): number {
  return formatOf(currency, "en").resolvedOptions().maximumFractionDigits ?? 2;
}

/**
 * An amount in the currency's own format: `formatMoney({ amount_minor: 1290, currency: "CNY" }, "zh-CN")` → "¥12.90".
 *
 * The division is for display only: amounts are added and compared as whole minor units, by the server.
 */
export function formatMoney(money: Money, locale: string): string {
  return formatOf(money.currency, locale).format(money.amount_minor / 10 ** exponentOf(money.currency));
}

/** The same with the sign turned, for what is taken off: "-¥6.45". */
export function formatMoneyOff(money: Money, locale: string): string {
  return formatMoney({ amount_minor: -money.amount_minor, currency: money.currency }, locale);
}

/** A tax rate in basis points: `formatRate(1300, "en")` → "13%". */
export function formatRate(rateBp: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 2 }).format(rateBp / 10_000);
}

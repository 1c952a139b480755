import { exponentOf } from "../../shared/money.ts";

/** The most that the server takes onto a card at once, in minor units. */
export const AMOUNT_MINOR_MAX = 10_000_000;

/**
 * A typed amount in minor units: `parseAmount("12.5", "CNY")` → 1250. Full-width digits, a currency sign and blanks are
 * understood, with a point or a comma before the decimals; null for what is no amount above zero, or one too many
 * decimals.
 */
export function parseAmount(text: string, currency: string): number | null {
  const exponent = exponentOf(currency);
  const plain = text.normalize("NFKC").replace(/[\s¥￥$€£]/g, "");
  const found = /^(\d{1,9})(?:[.,。](\d*))?$/.exec(plain);
  if (found === null) return null;
  const decimals = found[2] ?? "";
  if (decimals.length > exponent) return null;
  const amount_minor = Number(found[1] + decimals.padEnd(exponent, "0"));
  return amount_minor > 0 && amount_minor <= AMOUNT_MINOR_MAX ? amount_minor : null;
}

/** Round amounts that people give, in minor units: 50, 100, 200 and 500 where there are cents. */
export function roundAmounts(currency: string): readonly number[] {
  const exponent = exponentOf(currency);
  const unit = exponent === 0 ? 100 : 10 ** exponent;
  return [50, 100, 200, 500].map((amount) => amount * unit);
}

/** Minor units as they are typed: `typedAmount(5000, "CNY")` → "50". */
export function typedAmount(amount_minor: number, currency: string): string {
  const exponent = exponentOf(currency);
  const text = (amount_minor / 10 ** exponent).toFixed(exponent);
  return text.replace(/\.0+$/, "");
}

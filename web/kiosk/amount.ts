import type { Money } from "../shared/types.ts";

/** So many digits are more than any till has in it. */
export const DIGITS_MAX = 8;

/**
 * What was typed on a keypad without a decimal point, as cash machines take it: the digits are minor units.
 *
 * `typedAmount("2050", "CNY")` → 2050 fen, ¥20.50.
 */
export function typedAmount(digits: string, currency: string): Money {
  return { amount_minor: digits === "" ? 0 : Number(digits), currency };
}

/** Whether a part of what is due can be paid: more than nothing and not more than all of it. */
export function partOf(amount: Money, due: Money): "nothing" | "part" | "all" | "too_much" {
  if (amount.amount_minor <= 0) return "nothing";
  if (amount.amount_minor > due.amount_minor) return "too_much";
  return amount.amount_minor === due.amount_minor ? "all" : "part";
}

/** Shares to choose from without typing: an equal part for each of two, three and four, rounded up to a minor unit. */
export function shares(due: Money): { readonly people: number; readonly amount: Money }[] {
  return [2, 3, 4]
    .filter((people) => due.amount_minor >= people)
    .map((people) => ({ people, amount: { ...due, amount_minor: Math.ceil(due.amount_minor / people) } }));
}

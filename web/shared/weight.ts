/**
 * A weight in whole grams for a person: grams below a kilogram, else kilograms to the gram.
 *
 * `formatWeight(535, "en")` → "535 g"; `formatWeight(1250, "en")` → "1.25 kg"; `formatWeight(null, "en")` → "".
 */
export function formatWeight(weight_g: number | null | undefined, locale: string): string {
  if (weight_g === null || weight_g === undefined) return "";
  const kilograms = Math.abs(weight_g) >= 1000;
  // The unit is written by hand: in Chinese, Intl says “千克” on one browser and “kg” on the next.
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
  // A no-break space keeps the unit at its number.
  return kilograms ? `${number.format(weight_g / 1000)}\u00a0kg` : `${number.format(weight_g)}\u00a0g`;
}

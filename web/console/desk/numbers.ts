/** No mobile number of any country is shorter, nor longer (ITU-T E.164: at most 15 digits). */
const DIGITS = { min: 6, max: 15 } as const;

/**
 * Whether a text can be a mobile number; the server knows better. Full-width digits and what stands between groups of
 * digits are understood: `isNumberLike("１３８ 0013-8000")` → true.
 */
export function isNumberLike(text: string): boolean {
  const plain = text.normalize("NFKC").replace(/[\s().·–-]/g, "");
  const digits = /^\+?(\d+)$/.exec(plain)?.[1] ?? "";
  return digits.length >= DIGITS.min && digits.length <= DIGITS.max;
}

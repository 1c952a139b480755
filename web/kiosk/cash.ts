import { exponentOf } from "../shared/money.ts";
import type { KioskCash, Money } from "../shared/types.ts";

/** A kind of coin or note, as its name says: `CNY-1000-note`. Values in minor units of the currency. */
export interface Piece {
  readonly name: string;
  readonly currency: string;
  readonly value_minor: number;
  readonly form: "coin" | "note";
}

export interface AcceptedPiece extends Piece {
  /** What it counts for in the store's currency, where that is not its own. */
  readonly credited: Money | null;
}

export interface CurrencyPieces {
  readonly currency: string;
  readonly coins: readonly AcceptedPiece[];
  readonly notes: readonly AcceptedPiece[];
}

/** Pieces that are not taken now for one and the same reason; `said` are the kiosk's own sentences, one per piece. */
export interface RefusedPieces {
  readonly reason: string;
  readonly pieces: readonly Piece[];
  readonly said: readonly { readonly zh: string; readonly en: string }[];
}

const NAME = /^([A-Z]{3})-([1-9]\d*)-(coin|note)$/;

/** `parsePiece("EUR-200-coin")` → two euros as a coin; null for what names no denomination. */
export function parsePiece(name: string): Piece | null {
  const found = NAME.exec(name);
  if (found === null) return null;
  return { name, currency: found[1]!, value_minor: Number(found[2]), form: found[3] as "coin" | "note" };
}

/** What can be put in, per currency: the store's own first, then by name; in each the smallest first. */
export function byCurrency(accepted: KioskCash["accepted"], store_currency: string): CurrencyPieces[] {
  const groups = new Map<string, AcceptedPiece[]>();
  for (const { denomination, credited } of accepted) {
    const piece = parsePiece(denomination);
    if (piece === null) continue;
    const foreign = piece.currency !== credited.currency;
    const group = groups.get(piece.currency) ?? [];
    groups.set(piece.currency, [...group, { ...piece, credited: foreign ? credited : null }]);
  }
  const rank = (currency: string) => (currency === store_currency ? "" : currency);
  return [...groups]
    .sort(([one], [other]) => (rank(one) < rank(other) ? -1 : 1))
    .map(([currency, pieces]) => {
      const sorted = pieces.sort((one, other) => one.value_minor - other.value_minor);
      const of = (form: Piece["form"]) => sorted.filter((piece) => piece.form === form);
      return { currency, coins: of("coin"), notes: of("note") };
    });
}

/** What can't be put in, by reason, in the order in which the kiosk names them. */
export function byReason(refused: KioskCash["refused"]): RefusedPieces[] {
  const reasons = [...new Set(refused.map(({ reason }) => reason))];
  return reasons.map((reason) => {
    const those = refused.filter((one) => one.reason === reason);
    const pieces = those.map(({ denomination }) => parsePiece(denomination)).filter((piece) => piece !== null);
    return { reason, pieces, said: those.map(({ zh, en }) => ({ zh, en })) };
  });
}

/** What came out of the machine, the largest first: `{"CNY-100-coin": 3}` → three of one yuan. */
export function givenOut(dispensed: KioskCash["dispensed"]): { readonly piece: Piece; readonly count: number }[] {
  return Object.entries(dispensed)
    .map(([name, count]) => ({ piece: parsePiece(name), count }))
    .filter((given): given is { piece: Piece; count: number } => given.piece !== null && given.count > 0)
    .sort((one, other) => other.piece.value_minor - one.piece.value_minor);
}

/** The value as it is printed on a coin or note: "¥10" and not "¥10.00", but "¥0.50". */
export function faceOf(piece: Piece, locale: string): string {
  const decimals = exponentOf(piece.currency);
  const whole = piece.value_minor % 10 ** decimals === 0;
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: piece.currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: whole ? 0 : decimals,
  });
  return format.format(piece.value_minor / 10 ** decimals);
}

/** How far a cash payment is, from 0 to 1. */
export function progressOf(cash: Pick<KioskCash, "cash_due" | "inserted">): number {
  if (cash.cash_due.amount_minor <= 0) return 1;
  return Math.min(1, Math.max(0, cash.inserted.amount_minor / cash.cash_due.amount_minor));
}

import type { Desk, DeskLine, Wanted } from "../types.ts";

/** Line → how many of it come back. Lines that stay are not in it. */
export type Picked = ReadonlyMap<number, number>;

export const NOTHING: Picked = new Map();

/** With so many of a line: never below none, nor above what is left of it. */
export function pick(picked: Picked, line: DeskLine, quantity: number): Picked {
  const next = new Map(picked);
  const held = Math.min(Math.max(quantity, 0), line.left);
  if (held === 0) next.delete(line.line);
  else next.set(line.line, held);
  return next;
}

/** All that can still come back. */
export function everything(desk: Desk): Picked {
  return desk.lines.reduce((picked, line) => pick(picked, line, line.left), NOTHING);
}

/** What was picked, as far as it can still come back: a colleague may have taken some of it meanwhile. */
export function still(picked: Picked, desk: Desk): Picked {
  return desk.lines.reduce((kept, line) => pick(kept, line, picked.get(line.line) ?? 0), NOTHING);
}

/** The line of a product whose barcode was scanned, if one more of it can come back. */
export function lineOf(desk: Desk, picked: Picked, code: string): DeskLine | null {
  const gtin = /^\d{8,14}$/.test(code) ? code.padStart(14, "0") : null;
  const open = (line: DeskLine) => line.gtin === gtin && (picked.get(line.line) ?? 0) < line.left;
  return desk.lines.find(open) ?? null;
}

/** As the server takes it, in the order of the lines. */
export function wanted(picked: Picked): Wanted[] {
  return [...picked].sort(([one], [other]) => one - other).map(([line, quantity]) => ({ line, quantity }));
}

export function count(picked: Picked): number {
  return [...picked.values()].reduce((sum, quantity) => sum + quantity, 0);
}

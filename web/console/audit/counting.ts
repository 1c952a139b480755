import type { AuditScan, Seen } from "./types.ts";

/** One thing that was scanned or tapped, with what it turned out to be. */
export interface Entry {
  readonly scan: AuditScan;
  readonly seen: Seen;
}

/** A hand is slower than this: the same trigger read the code twice. As the server has it. */
const SAME_TRIGGER_MS = 500;
/** So soon after the last one, one more than the order has may be the same item. */
const DOUBLE_SCAN_MS = 3_000;

/** How many of each article there are, by key; what is doubtful or was the same item does not count. */
export function counts(entries: readonly Entry[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { scan, seen } of entries) if (scan.said !== "same") found.set(seen.key, (found.get(seen.key) ?? 0) + 1);
  return found;
}

/**
 * What a new scan is, after those before it: it counts, it is the same trigger once more, or someone must say whether
 * it is another one. What is tapped is meant.
 */
export function judge(before: readonly Entry[], entry: Entry): "counts" | "same_trigger" | "doubtful" {
  if (entry.scan.article !== undefined) return "counts";
  const last = before.findLast(({ seen }) => seen.key === entry.seen.key);
  if (last === undefined) return "counts";
  const since_ms = entry.scan.at_ms - last.scan.at_ms;
  if (since_ms < SAME_TRIGGER_MS) return "same_trigger";
  const counted = counts(before).get(entry.seen.key) ?? 0;
  return since_ms < DOUBLE_SCAN_MS && counted >= entry.seen.ordered ? "doubtful" : "counts";
}

/** Without the last entry that counts for an article. */
export function withoutLast(entries: readonly Entry[], key: string): Entry[] {
  const at = entries.findLastIndex(({ scan, seen }) => seen.key === key && scan.said !== "same");
  return entries.filter((_, place) => place !== at);
}

/**
 * Keeps one look at a barcode one scan. A code counts again only after it left the view: not seen for `away_ms` and
 * in at least `away_frames` decoded frames, because a shaking hand blurs a frame or two. Double scans are what shoppers
 * complain of most, so a code that stays in view never counts twice, however long it stays.
 */
export class RepeatGuard {
  readonly #away_ms: number;
  readonly #away_frames: number;
  readonly #seen = new Map<string, { last_ms: number; frames_without: number }>();

  constructor({ away_ms = 800, away_frames = 3 }: { away_ms?: number; away_frames?: number } = {}) {
    this.#away_ms = away_ms;
    this.#away_frames = away_frames;
  }

  /**
   * Takes the codes of one frame at a time `now_ms` (any clock that only goes forward) and answers `meant`, the
   * one that may count, if it is new in view; the others are only remembered while they stay.
   */
  frame(now_ms: number, codes: readonly string[], meant: string | null): string | null {
    const isNew = meant !== null && !this.#inView(now_ms, meant);
    for (const [code, seen] of this.#seen) {
      if (!codes.includes(code)) seen.frames_without += 1;
      if (!this.#inView(now_ms, code)) this.#seen.delete(code);
    }
    for (const code of codes) {
      // A neighbour of the code that was meant has not counted yet: it may when it is moved to the middle.
      if (code === meant || this.#seen.has(code)) this.#seen.set(code, { last_ms: now_ms, frames_without: 0 });
    }
    return isNew ? meant : null;
  }

  #inView(now_ms: number, code: string): boolean {
    const seen = this.#seen.get(code);
    if (seen === undefined) return false;
    return now_ms - seen.last_ms < this.#away_ms || seen.frames_without < this.#away_frames;
  }
}

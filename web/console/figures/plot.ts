/** A day (or lane) of a plot. */
export interface Bar {
  readonly label: string;
  /** How tall the bar is; null where there is nothing to show. */
  readonly value: number | null;
  /** A paler bar behind it, reaching higher: the slow ones behind the usual ones. */
  readonly behind?: number | null;
  /** Where the true value may lie. */
  readonly interval?: readonly [number, number] | null;
  /** From so few cases that it says little: drawn as an outline. */
  readonly few?: boolean;
}

export interface Drawn {
  readonly x: number;
  readonly width: number;
  readonly y: number;
  readonly height: number;
  readonly behind: { readonly y: number; readonly height: number } | null;
  readonly interval: { readonly x: number; readonly from: number; readonly to: number } | null;
}

export const WIDTH = 100;
export const HEIGHT = 40;
const GAP = 0.25; // of a bar's room

/** The number that the axis ends at: the next 1, 2 or 5 times a power of ten; 1 where nothing is to be shown. */
export function axisEnd(bars: readonly Bar[]): number {
  const most = Math.max(
    0,
    ...bars.map(({ value, behind, interval }) => Math.max(value ?? 0, behind ?? 0, interval?.[1] ?? 0)),
  );
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((end) => end >= most * (1 - 1e-9)) ?? most;
}

/** Where each bar stands in a box of 100 × 40, whose axis ends at `end`. */
export function drawn(bars: readonly Bar[], end: number): Drawn[] {
  const room = WIDTH / Math.max(1, bars.length);
  const tall = (value: number) => round((HEIGHT * Math.min(value, end)) / end);
  return bars.map(({ value, behind, interval }, place) => {
    const x = round(room * (place + GAP / 2));
    const width = round(room * (1 - GAP));
    const height = tall(value ?? 0);
    const back = behind == null ? null : tall(behind);
    return {
      x,
      width,
      y: round(HEIGHT - height),
      height,
      behind: back === null ? null : { y: round(HEIGHT - back), height: back },
      interval:
        interval == null
          ? null
          : { x: round(x + width / 2), from: round(HEIGHT - tall(interval[0])), to: round(HEIGHT - tall(interval[1])) },
    };
  });
}

/** A day so many days before another; both as 2026-03-01. */
export function daysBefore(day: string, count: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() - count);
  return at.toISOString().slice(0, 10);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

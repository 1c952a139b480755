import type { LaneState } from "../shared/types.ts";

export type LaneWeight = NonNullable<LaneState["weight"]>;

/** What the bar draws: positions from 0 (empty belt) to 1 (the bar's end), and how far off the middle is, in grams. */
export interface WeightBar {
  readonly band_from: number;
  readonly band_to: number;
  readonly measured: number;
  readonly verdict: "none" | "under" | "inside" | "over";
  /** How far the measured weight is from the expected one, without a sign. */
  readonly difference_g: number;
}

const ROOM_BEYOND = 1.25; // the band ends short of the bar's end, so that “too much” has somewhere to be seen
const BAND_WIDTH_MIN = 0.03; // a narrow tolerance must be seen from two metres too

/**
 * Places an expected band and a measured weight (whole grams) on a bar that starts at an empty belt.
 *
 * `weightBar({ measured_g: 500, expected_g: 1000, tolerance_g: 50 }).verdict` → `"under"`. The words follow the true
 * tolerance; only the drawn band is widened to what an eye can see.
 */
export function weightBar({ measured_g, expected_g, tolerance_g }: Omit<LaneWeight, "parts">): WeightBar {
  const end_g = Math.max(expected_g * ROOM_BEYOND, expected_g + 3 * tolerance_g, measured_g * 1.06, 1);
  const half = Math.max(tolerance_g / end_g, BAND_WIDTH_MIN / 2);
  const middle = expected_g / end_g;
  const off_g = measured_g - expected_g;
  return {
    band_from: clamp(middle - half),
    band_to: clamp(middle + half),
    measured: clamp(measured_g / end_g),
    verdict: verdictOf(measured_g, off_g, tolerance_g),
    difference_g: Math.abs(off_g),
  };
}

function verdictOf(measured_g: number, off_g: number, tolerance_g: number): WeightBar["verdict"] {
  if (Math.abs(off_g) <= tolerance_g) return "inside";
  if (measured_g <= 0) return "none";
  return off_g < 0 ? "under" : "over";
}

function clamp(position: number): number {
  return Math.min(1, Math.max(0, position));
}

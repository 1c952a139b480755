/** What the plot of a weighing draws, in a box of 100 × 40: a bell around the expected weight, and the measured one. */
export interface Bell {
  /** The curve as a path, and the part of it within tolerance as a closed one. */
  readonly curve: string;
  readonly within: string;
  readonly expected_x: number;
  readonly measured_x: number;
  /** How far the measured weight is off, in standard deviations, with its sign. */
  readonly deviations: number;
}

const WIDTH = 100;
const HEIGHT = 40;
const TOP = 4;
const SPREAD = 4; // a normal distribution beyond four standard deviations is as good as its baseline
const STEPS = 80;

/**
 * The bell of a weighing; all in grams. The axis reaches from the far side of the bell past the measured weight, so
 * that “far off” looks far. Without a standard deviation (older lanes tell only their tolerance) a third of the
 * tolerance stands in for it; and the tolerance to both sides stands in for the limits.
 */
export function bell(weighing: {
  readonly expected_g: number;
  readonly measured_g: number;
  readonly tolerance_g: number;
  readonly sigma_g?: number | null;
  readonly low_g?: number | null;
  readonly high_g?: number | null;
}): Bell {
  const { expected_g, measured_g, tolerance_g } = weighing;
  const sigma_g = Math.max(weighing.sigma_g || tolerance_g / 3, 0.5);
  const reach_g = Math.max(SPREAD * sigma_g, tolerance_g * 1.25);
  const from_g = Math.min(expected_g - reach_g, measured_g - sigma_g);
  const to_g = Math.max(expected_g + reach_g, measured_g + sigma_g);
  const x = (weight_g: number) => (WIDTH * (weight_g - from_g)) / (to_g - from_g);
  const y = (weight_g: number) => HEIGHT - (HEIGHT - TOP) * Math.exp(-(((weight_g - expected_g) / sigma_g) ** 2) / 2);
  const points = (low_g: number, high_g: number) =>
    Array.from({ length: STEPS + 1 }, (_, step) => low_g + ((high_g - low_g) * step) / STEPS)
      .map((weight_g) => `${round(x(weight_g))} ${round(y(weight_g))}`)
      .join("L");
  const low_g = weighing.low_g ?? expected_g - tolerance_g;
  const high_g = weighing.high_g ?? expected_g + tolerance_g;
  return {
    curve: `M0 ${HEIGHT}L${points(expected_g - reach_g, expected_g + reach_g)}L${WIDTH} ${HEIGHT}`,
    within: `M${round(x(low_g))} ${HEIGHT}L${points(low_g, high_g)}L${round(x(high_g))} ${HEIGHT}Z`,
    expected_x: round(x(expected_g)),
    measured_x: round(x(measured_g)),
    deviations: (measured_g - expected_g) / sigma_g,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

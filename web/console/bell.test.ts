import assert from "node:assert/strict";
import { test } from "node:test";
import { bell } from "./bell.ts";

test("bell: what fits stands inside the shaded part, what does not stands beside it", () => {
  const inside = bell({ expected_g: 2310, measured_g: 2340, tolerance_g: 60, sigma_g: 20 });
  const far = bell({ expected_g: 2310, measured_g: 2835, tolerance_g: 60, sigma_g: 20 });
  const edges = (path: string) => [...path.matchAll(/[ML]([\d.]+) /g)].map((match) => Number(match[1]));
  assert.ok(inside.measured_x > Math.min(...edges(inside.within)));
  assert.ok(inside.measured_x < Math.max(...edges(inside.within)));
  assert.ok(far.measured_x > Math.max(...edges(far.within)));
  assert.equal(inside.deviations, 1.5);
  assert.equal(far.deviations, 26.25);
});

test("bell: everything stays in its box, however far off or however exact", () => {
  for (const measured_g of [-50, 0, 500, 2310, 9000])
    for (const tolerance_g of [1, 60, 900])
      for (const sigma_g of [0, 0.1, 20, null]) {
        const { curve, within, expected_x, measured_x } = bell({ expected_g: 2310, measured_g, tolerance_g, sigma_g });
        const numbers = [...`${curve}${within}`.matchAll(/-?[\d.]+/g)].map(Number);
        for (const number of [...numbers, expected_x, measured_x])
          assert.ok(number >= 0 && number <= 100, `${number} for ${measured_g}/${tolerance_g}/${sigma_g}`);
      }
});

test("bell: it is highest over the expected weight", () => {
  const { curve, expected_x } = bell({ expected_g: 1000, measured_g: 1010, tolerance_g: 30, sigma_g: 12 });
  const points = [...curve.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((match) => [Number(match[1]), Number(match[2])]);
  const top = points.reduce((best, point) => (point[1]! < best[1]! ? point : best));
  assert.ok(Math.abs(top[0]! - expected_x) < 0.01);
});

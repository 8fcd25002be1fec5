import { random } from "@sew/random";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CameraOptions, createEventCamera } from "../../src/sets/synthetic/eventCamera.js";

const perfect: CameraOptions = { threshold: 0.2, mismatch: 0, refractory: 0, noise: 0, hotPixels: 0, hotRate: 0 };
const PIXEL = 130; // x 2, y 1

/** Shows one pixel's levels, 2 ms apart, to a camera. */
function watch(levels: readonly number[], options: Partial<CameraOptions> = {}) {
  const camera = createEventCamera({ ...perfect, ...options }, random(1));
  const image = new Float32Array(128 * 128);
  levels.forEach((level, k) => {
    image[PIXEL] = level;
    camera.see(image, 2000 * k, { top: 1, bottom: 2, left: 2, right: 3 });
  });
  return camera.events();
}

describe("createEventCamera", () => {
  it("is silent before a still picture, however its thresholds differ", () => {
    const camera = createEventCamera({ ...perfect, mismatch: 0.5 }, random(1));
    const still = new Float32Array(128 * 128).fill(0.7);
    for (const t of [0, 2000, 4000]) camera.see(still, t, { top: 0, bottom: 128, left: 0, right: 128 });
    expect(camera.events().t.length).toBe(0);
  });

  it("emits an event for each threshold that the level passes, of its sign, at its pixel", () =>
    fc.assert(
      fc.property(fc.double({ min: -5, max: 5, noNaN: true }), (change) => {
        const { t, x, y, p } = watch([0, change]);
        // The remembered level r lies anywhere within a threshold of the first one: ⌊|change|/0.2 ± r/0.2⌋ events.
        const passed = Math.abs(change) / 0.2;
        expect(t.length).toBeLessThan(passed + 1 + 1e-3);
        expect(t.length).toBeGreaterThan(passed - 2 - 1e-3);
        for (let i = 0; i < t.length; i++) expect([x[i], y[i], p[i]]).toEqual([2, 1, change > 0 ? 1 : 0]);
      }),
    ));

  it("interpolates the times: a steady rise gives events at even distances", () => {
    const { t } = watch(Array.from({ length: 50 }, (_, k) => 0.05 * k));
    expect(t.length).toBeGreaterThan(10);
    for (let i = 1; i < t.length; i++) expect(Math.abs(t[i]! - t[i - 1]! - 8000)).toBeLessThanOrEqual(2);
  });

  it("loses the events within the refractory time, but not the level", () => {
    const { t, p } = watch([0, 2, 2, 0], { refractory: 1_000_000 });
    expect([t.length, p[0]]).toEqual([1, 1]);
  });

  it("emits noise at its rate, in time order, of both polarities; hot pixels at theirs", () => {
    const quiet = new Array<number>(1001).fill(0); // 2 s
    const { t, p } = watch(quiet, { noise: 0.1 });
    const expected = 0.1 * 128 * 128 * 2;
    expect(Math.abs(t.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
    expect(t).toEqual(t.toSorted());
    expect(Math.abs(p.filter((polarity) => polarity === 1).length - expected / 2)).toBeLessThan(
      5 * Math.sqrt(expected / 4),
    );

    const hot = watch(quiet, { hotPixels: 3, hotRate: 100 });
    expect(Math.abs(hot.t.length - 600)).toBeLessThan(5 * Math.sqrt(600));
    expect(new Set(Array.from(hot.x, (x, i) => `${x} ${hot.y[i]}`)).size).toBe(3);
  });
});

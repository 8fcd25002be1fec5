import { integrate, type SplitBy } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf, type Row, sortedRows } from "./support.js";

const size = { height: 6, width: 5 };
const frameCounts = fc.integer({ min: 1, max: 9 });

/** What the docs say, event by event: which frame it is in. */
function frameOf(rows: readonly Row[], i: number, frames: number, by: SplitBy): number {
  const [t0, last] = [rows[0]![0], rows.at(-1)![0]];
  const step = by === "count" ? Math.floor(rows.length / frames) : Math.floor((last - t0) / frames);
  const along = by === "count" ? i : rows[i]![0] - t0;
  return step === 0 ? frames - 1 : Math.min(frames - 1, Math.floor(along / step));
}

describe("integrate", () => {
  it.each(["count", "time"] as const)("agrees with a count of each event on its own, by %s", (by) =>
    fc.assert(
      fc.property(sortedRows(), frameCounts, (rows, frames) => {
        const expected = new Uint16Array(frames * size.height * size.width * 2);
        rows.forEach(([, x, y, p], i) => {
          expected[((frameOf(rows, i, frames, by) * size.height + y) * size.width + x) * 2 + p]!++;
        });
        expect(integrate(eventsOf(rows), { frames, by, ...size })).toEqual(expected);
      }),
    ),
  );

  it.each(["count", "time"] as const)("loses no event, by %s", (by) =>
    fc.assert(
      fc.property(sortedRows(), frameCounts, (rows, frames) => {
        const counts = integrate(eventsOf(rows), { frames, by, ...size });
        expect(counts.reduce((a, b) => a + b, 0)).toBe(rows.length);
      }),
    ),
  );

  it("cuts by count into slices of floor(N / T), the remainder in the last", () =>
    fc.assert(
      fc.property(sortedRows(), frameCounts, (rows, frames) => {
        const counts = integrate(eventsOf(rows), { frames, by: "count", ...size });
        const cells = size.height * size.width * 2;
        const totals = Array.from({ length: frames }, (_, j) =>
          counts.subarray(j * cells, (j + 1) * cells).reduce((a, b) => a + b, 0),
        );
        const each = Math.floor(rows.length / frames);
        expect(totals).toEqual([...new Array(frames - 1).fill(each), rows.length - each * (frames - 1)]);
      }),
    ));

  /** Events in a row of pixels, one each; which frames they land in. */
  const landing = (times: readonly number[], frames: number, by: SplitBy): number[] => {
    const rows = times.map((t, x): Row => [t, x, 0, 1]);
    const counts = integrate(eventsOf(rows), { frames, by, height: 1, width: times.length });
    return times.map((_, x) =>
      Array.from({ length: frames }, (_, j) => counts[(j * times.length + x) * 2 + 1]!).indexOf(1),
    );
  };

  it.each([
    { times: [0, 1, 2, 3, 4, 5, 6], frames: 3, by: "count", lands: [0, 0, 1, 1, 2, 2, 2], why: "7 = 2 + 2 + 3" },
    { times: [5, 6], frames: 3, by: "count", lands: [2, 2], why: "fewer events than frames" },
    { times: [0, 24, 25, 50, 99, 100], frames: 4, by: "time", lands: [0, 0, 1, 2, 3, 3], why: "D = 25, half-open" },
    { times: [10, 17, 18, 20], frames: 3, by: "time", lands: [0, 2, 2, 2], why: "D = 3: nothing in [13, 16)" },
    { times: [0, 11], frames: 4, by: "time", lands: [0, 3], why: "D = 2: the last reaches to the end" },
    { times: [7, 8], frames: 3, by: "time", lands: [2, 2], why: "D = 0" },
  ] as const)("puts $times into $lands of $frames by $by ($why)", ({ times, frames, by, lands }) =>
    expect(landing(times, frames, by)).toEqual(lands),
  );

  it("puts OFF into channel 0 and ON into channel 1 of [T, H, W, 2]", () => {
    const rows: Row[] = [
      [0, 2, 0, 0],
      [1, 0, 1, 1],
      [2, 0, 1, 1],
    ];
    const counts = integrate(eventsOf(rows), { frames: 1, by: "count", height: 2, width: 3 });
    expect([...counts]).toEqual([0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0]);
  });

  it("makes empty frames of no events", () => {
    for (const by of ["count", "time"] as const) {
      expect(integrate(eventsOf([]), { frames: 2, by, height: 1, width: 1 })).toEqual(new Uint16Array(4));
    }
  });

  it("counts up to 65535 on a pixel and refuses one more", () => {
    const same = (n: number) => eventsOf(Array.from({ length: n }, (): Row => [0, 1, 2, 1]));
    const options = { frames: 1, by: "count", ...size } as const;
    expect(integrate(same(65535), options).at((2 * 5 + 1) * 2 + 1)).toBe(65535);
    expect(() => integrate(same(65536), options)).toThrow(
      new RangeError(
        "integrate: events must meet at most 65535 times on one pixel of one frame, got more in frame 0 at x 1, y 2, " +
          "polarity 1; use more frames, or remove the hot pixel",
      ),
    );
  });

  it.each([
    [{ frames: 0 }, "frames must be a whole number above 0, got 0"],
    [{ frames: 1.5 }, "frames must be a whole number above 0, got 1.5"],
    [{ height: -1 }, "height must be a whole number above 0, got -1"],
    [{ width: Number.NaN }, "width must be a whole number above 0, got NaN"],
    [{ width: 1 }, "events must lie within 6 rows and 1 columns, got event 1 at x 4, y 5"],
    [{ height: 5 }, "events must lie within 5 rows and 5 columns, got event 1 at x 4, y 5"],
  ])("refuses %j", (wrong, says) => {
    const rows: Row[] = [
      [0, 0, 0, 0],
      [1, 4, 5, 0],
    ];
    const options = { frames: 2, by: "count", ...size, ...wrong } as const;
    expect(() => integrate(eventsOf(rows), options)).toThrow(new RangeError(`integrate: ${says}`));
  });

  it("refuses times that decrease, by time only", () => {
    const rows: Row[] = [
      [5, 0, 0, 0],
      [4, 0, 0, 0],
    ];
    expect(() => integrate(eventsOf(rows), { frames: 2, by: "time", ...size })).toThrow(
      new RangeError(
        'integrate: events must be in time order to be cut by time, got 4 after 5 at event 1; sort them, or cut by "count"',
      ),
    );
    expect(() => integrate(eventsOf(rows), { frames: 2, by: "count", ...size })).not.toThrow();
  });

  it("refuses another way to cut, and columns of different length", () => {
    const by = "number" as SplitBy;
    expect(() => integrate(eventsOf([]), { frames: 2, by, ...size })).toThrow(
      new TypeError('integrate: by must be "count" or "time", got "number"'),
    );
    const ragged = { ...eventsOf([[0, 0, 0, 0]]), p: new Uint8Array(0) };
    expect(() => integrate(ragged, { frames: 2, by: "count", ...size })).toThrow(
      new RangeError("integrate: events must have columns of equal length, got t 1, x 1, y 1, p 0"),
    );
  });
});

import { type Events, integrate, type SplitBy } from "@sew/datasets";
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

  it("cuts by duration as SpikingJelly does: T' = ceil(span / D) frames from the first event on, the rest in the last", () =>
    fc.assert(
      fc.property(sortedRows(), fc.integer({ min: 1, max: 300 }), (rows, microseconds) => {
        const t = rows.map(([time]) => time - rows[0]![0]);
        const frames = Math.max(1, Math.ceil((t.at(-1) ?? 0) / microseconds));
        const expected = new Uint16Array(frames * size.height * size.width * 2);
        rows.forEach(([, x, y, p], i) => {
          const frame = Math.min(frames - 1, Math.floor(t[i]! / microseconds));
          expected[((frame * size.height + y) * size.width + x) * 2 + p]!++;
        });
        expect(integrate(eventsOf(rows), { by: "duration", microseconds, ...size })).toEqual(expected);
      }),
    ));

  it("cuts the frames by duration to T, or pads them with empty ones", () =>
    fc.assert(
      fc.property(sortedRows(), fc.integer({ min: 1, max: 300 }), frameCounts, (rows, microseconds, frames) => {
        const all = integrate(eventsOf(rows), { by: "duration", microseconds, ...size });
        const some = integrate(eventsOf(rows), { by: "duration", microseconds, frames, ...size });
        expect(some.length).toBe(frames * size.height * size.width * 2);
        const common = Math.min(all.length, some.length);
        expect(some.subarray(0, common)).toEqual(all.subarray(0, common));
        expect(some.subarray(common).every((count) => count === 0)).toBe(true);
      }),
    ));

  it.each([
    { times: [0, 5, 10, 20], lands: [0, 0, 1, 1], why: "the event at exactly T' D is in the last" },
    { times: [3, 12, 13, 22], lands: [0, 0, 1, 1], why: "from the first event on" },
    { times: [0, 21], lands: [0, 2], why: "an empty frame between" },
    { times: [7, 7], lands: [0, 0], why: "no duration at all" },
  ])("puts $times into $lands by a duration of 10 ($why)", ({ times, lands }) => {
    const rows = times.map((t, x): Row => [t, x, 0, 1]);
    const counts = integrate(eventsOf(rows), { by: "duration", microseconds: 10, height: 1, width: times.length });
    const frames = counts.length / times.length / 2;
    expect(frames).toBe(Math.max(...lands) + 1);
    const found = times.map((_, x) =>
      Array.from({ length: frames }, (_, j) => counts[(j * times.length + x) * 2 + 1]!).indexOf(1),
    );
    expect(found).toEqual(lands);
  });

  it("counts each polarity in a channel of its own, as many as there are, or all in one", () =>
    fc.assert(
      fc.property(sortedRows(), fc.integer({ min: 1, max: 6 }), (rows, polarities) => {
        const many = rows.map(([t, x, y], i): Row => [t, x, y, i % polarities]);
        const options = { frames: 2, by: "count", polarities, ...size } as const;
        const counts = integrate(eventsOf(many), options);
        const merged = integrate(eventsOf(many), { ...options, mergePolarities: true });
        expect(counts.length).toBe(merged.length * polarities);
        const perChannel = new Array<number>(polarities).fill(0);
        counts.forEach((count, i) => {
          perChannel[i % polarities]! += count;
        });
        const expected = Array.from({ length: polarities }, (_, c) => many.filter(([, , , p]) => p === c).length);
        expect(perChannel).toEqual(expected);
        merged.forEach((count, i) => {
          expect(count).toBe(counts.subarray(i * polarities, (i + 1) * polarities).reduce((a, b) => a + b, 0));
        });
      }),
    ));

  it("leaves out the events after the last slice of full length, where the remainder is dropped, and no others", () =>
    fc.assert(
      fc.property(sortedRows(), frameCounts, fc.constantFrom("count", "time", "duration"), (rows, frames, by) => {
        const slicing = by === "duration" ? ({ by, microseconds: 20 * frames } as const) : ({ by, frames } as const);
        const counts = integrate(eventsOf(rows), { ...slicing, remainder: "drop", ...size });
        const [t0, last] = [rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? 0];
        const length = by === "time" ? Math.floor((last - t0) / frames) : 20 * frames;
        const slices = by === "duration" ? Math.max(1, Math.floor((last - t0) / length)) : frames;
        const kept =
          by === "count"
            ? frames * Math.floor(rows.length / frames)
            : rows.filter(([t]) => t < t0 + slices * length).length;
        expect(counts.length).toBe(slices * size.height * size.width * 2);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(kept);
        const all = integrate(eventsOf(rows.slice(0, kept)), { by: "count", frames: 1, ...size });
        const cells = size.height * size.width * 2;
        all.forEach((count, cell) => {
          expect(Array.from({ length: slices }, (_, j) => counts[j * cells + cell]!).reduce((a, b) => a + b)).toBe(
            count,
          );
        });
      }),
    ));

  it.each([
    [Uint8Array.of(0, 255), 2, "p in 0..1, got event 1 with p 255"],
    [Int8Array.of(-1, 1) as unknown as Uint8Array, 2, "p in 0..1, got event 0 with p -1"],
    [Uint8Array.of(0, 1), 1, "p in 0..0, got event 1 with p 1"],
  ])("refuses the polarities %j of %d", (p, polarities, says) => {
    const events = { t: Float64Array.of(0, 1), x: Uint16Array.of(0, 0), y: Uint16Array.of(0, 0), p };
    for (const mergePolarities of [false, true]) {
      expect(() => integrate(events, { frames: 1, by: "count", polarities, mergePolarities, ...size })).toThrow(
        new RangeError(`integrate: events must have ${says}; map the polarities to 0 (OFF) and 1 (ON)`),
      );
    }
  });

  it.each([
    [{ t: [0, 0.5] }, "times in whole microseconds, got event 1 at 0.5; multiply seconds by 1e6, and round"],
    [{ t: [0, Number.NaN] }, "times in whole microseconds, got event 1 at NaN; multiply seconds by 1e6, and round"],
    [{ x: [0, -1] }, "lie within 6 rows and 5 columns, got event 1 at x -1, y 0"],
    [{ x: [0.5, 0] }, "lie within 6 rows and 5 columns, got event 0 at x 0.5, y 0"],
    [{ y: [0, Number.NaN] }, "lie within 6 rows and 5 columns, got event 1 at x 0, y NaN"],
    [{ p: [0, 0.5] }, "p in 0..1, got event 1 with p 0.5; map the polarities to 0 (OFF) and 1 (ON)"],
    [{ p: [0, Number.NaN] }, "p in 0..1, got event 1 with p NaN; map the polarities to 0 (OFF) and 1 (ON)"],
  ])("refuses the column %j of a caller without types, also where the frames end before", (wrong, says) => {
    const events = { t: [0, 1], x: [0, 0], y: [0, 0], p: [0, 0], ...wrong } as unknown as Events;
    const message = `integrate: events must ${says.startsWith("lie") ? "" : "have "}${says}`;
    expect(() => integrate(events, { frames: 2, by: "count", ...size })).toThrow(new RangeError(message));
    const short = { by: "duration", microseconds: 1, frames: 1, ...size } as const;
    expect(() => integrate(events, short)).toThrow(new RangeError(message));
  });

  it("refuses frames that no array holds, before it makes any", () => {
    const events = eventsOf([
      [0, 0, 0, 0],
      [2 ** 52, 0, 0, 0],
    ]);
    const says = (frames: number, values: string) =>
      new RangeError(
        `integrate: samples must have at most 2^31 values, got ${values} for the shape [${frames}, 6, 5, 2]; use fewer ` +
          "frames or smaller ones",
      );
    expect(() => integrate(events, { by: "time", frames: 1e12, ...size })).toThrow(says(1e12, "60000000000000"));
    expect(() => integrate(events, { by: "duration", microseconds: 1, ...size })).toThrow(
      says(2 ** 52, `${2 ** 52 * 60}`),
    );
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
          "channel 1; use more frames, or remove the hot pixel",
      ),
    );
  });

  it.each([
    [{ frames: 0 }, "frames must be an integer above 0, got 0"],
    [{ frames: 1.5 }, "frames must be an integer above 0, got 1.5"],
    [{ height: -1 }, "height must be an integer above 0, got -1"],
    [{ width: Number.NaN }, "width must be an integer above 0, got NaN"],
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

  it.each([
    [{ microseconds: 0 }, "microseconds must be an integer above 0, got 0"],
    [{ microseconds: 0.5 }, "microseconds must be an integer above 0, got 0.5"],
    [{ frames: 0 }, "frames must be an integer above 0, got 0"],
    [{ polarities: 0 }, "polarities must be an integer above 0, got 0"],
  ])("refuses %j by duration", (wrong, says) =>
    expect(() => integrate(eventsOf([]), { by: "duration", microseconds: 1, ...size, ...wrong })).toThrow(
      new RangeError(`integrate: ${says}`),
    ),
  );

  it("refuses times that decrease, by time and by duration", () => {
    const rows: Row[] = [
      [5, 0, 0, 0],
      [4, 0, 0, 0],
    ];
    expect(() => integrate(eventsOf(rows), { frames: 2, by: "time", ...size })).toThrow(
      new RangeError(
        'integrate: events must be in time order to be cut by time, got 4 after 5 at event 1; sort them, or cut by "count"',
      ),
    );
    expect(() => integrate(eventsOf(rows), { by: "duration", microseconds: 1, ...size })).toThrow(
      new RangeError(
        'integrate: events must be in time order to be cut by duration, got 4 after 5 at event 1; sort them, or cut by "count"',
      ),
    );
    expect(() => integrate(eventsOf(rows), { frames: 2, by: "count", ...size })).not.toThrow();
  });

  it("refuses another way to cut, and columns of different length", () => {
    const by = "number" as SplitBy;
    expect(() => integrate(eventsOf([]), { frames: 2, by, ...size })).toThrow(
      new TypeError('integrate: by must be "count", "time" or "duration", got "number"'),
    );
    expect(() => integrate(eventsOf([]), { frames: 2, by: "count", remainder: "first" as "last", ...size })).toThrow(
      new TypeError('integrate: remainder must be "last" or "drop", got "first"'),
    );
    const ragged = { ...eventsOf([[0, 0, 0, 0]]), p: new Uint8Array(0) };
    expect(() => integrate(ragged, { frames: 2, by: "count", ...size })).toThrow(
      new RangeError("integrate: events must have columns of equal length, got t 1, x 1, y 1, p 0"),
    );
  });
});

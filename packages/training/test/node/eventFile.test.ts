import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { openEventFile, type SummaryEvent } from "@sew/training/node";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support.js";
import { crc32c, parse } from "./eventFiles.js";

const float = fc.float({ noNaN: true });
const finite = fc.double({ min: -1e100, max: 1e100, noNaN: true });
const events = fc.array(
  fc.record({
    step: fc.oneof(fc.nat(300), fc.nat(Number.MAX_SAFE_INTEGER)),
    time: fc.double({ min: 0, max: 4e9, noNaN: true }),
    values: fc.dictionary(fc.string({ minLength: 1, maxLength: 200 }), float, { maxKeys: 4, noNullPrototype: true }),
  }),
  { maxLength: 4 },
);

/** Writes events into a folder's event file, and returns its path. */
async function written(folder: string, events: readonly SummaryEvent[]): Promise<string> {
  const { file, append, close } = await openEventFile(folder);
  for (const event of events) append(event);
  close();
  return file;
}

const loss = (step: number): SummaryEvent => ({ step, time: 1, values: { loss: step } });

describe("an event file", () => {
  it("can be read by a program that knows only the formats", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(events, async (all) => {
        expect(await parse(await written(folder, all))).toEqual(all);
      }),
    );
  });

  it("holds pictures and hyper-parameters", async () => {
    const event = {
      step: 0,
      time: 2,
      values: { "samples/row": { png: Uint8Array.of(137, 80, 78, 71), width: 300, height: 2 } },
      hyperparameters: {
        batch: 16,
        nesterov: false,
        optimizer: "sgd",
        "weight\u001b": 0.5,
        none: undefined,
        except: ["a"],
      },
    };
    const { none, ...hyperparameters } = event.hyperparameters;
    expect(await parse(await written(await temporaryFolder(), [event]))).toEqual([
      { ...event, hyperparameters: { ...hyperparameters, except: '["a"]' } },
    ]);
  });

  it.each([
    [{ width: -5, height: 1 }, "width must be an integer above 0, got -5 for row"],
    [{ width: 1, height: 0.5 }, "height must be an integer above 0, got 0.5 for row"],
    [{ width: Number.NaN, height: 1 }, "width must be an integer above 0, got NaN for row"],
  ])("refuses a picture of %j", async (size, message) => {
    const picture = { png: Uint8Array.of(1), ...size };
    await expect(written(await temporaryFolder(), [{ step: 0, time: 1, values: { row: picture } }])).rejects.toThrow(
      new RangeError(`EventFile.append: ${message}`),
    );
  });

  it("has every value of a histogram in the bucket whose limits are around it", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(fc.array(finite, { minLength: 1, maxLength: 50 }), async (histogram) => {
        const [event] = await parse(
          await written(folder, [{ step: 0, time: 1, values: { histogram: { histogram } } }]),
        );
        const { min, max, num, limits, counts } = event!.values.histogram as Record<"min" | "max" | "num", number> &
          Record<"limits" | "counts", number[]>;
        expect([min, max, num]).toEqual([Math.min(...histogram), Math.max(...histogram), histogram.length]);
        expect(limits.at(-1)).toBe(max);
        expect(counts.reduce((sum, count) => sum + count)).toBe(histogram.length);
        let below = 0;
        for (const [i, limit] of limits.entries()) {
          below += counts[i]!;
          // A value on a limit may round to either side.
          const [least, most] = [1 - 1e-9, 1 + 1e-9].map((f) => min + (limit - min) * f) as [number, number];
          expect(histogram.filter((value) => value < least).length).toBeLessThanOrEqual(below);
          expect(histogram.filter((value) => value <= most).length).toBeGreaterThanOrEqual(below);
        }
      }),
    );
  });

  it("counts the values of a histogram, worked by hand", async () => {
    const histogram = Float32Array.of(0, 0.5, 30, 30);
    const [event] = await parse(
      await written(await temporaryFolder(), [{ step: 0, time: 1, values: { h: { histogram } } }]),
    );
    expect(event!.values.h).toEqual({
      min: 0,
      max: 30,
      num: 4,
      sum: 60.5,
      squares: 1800.25,
      limits: Array.from({ length: 30 }, (_, i) => i + 1),
      counts: [2, ...new Array(28).fill(0), 2],
    });
  });

  it("has the checksum of the standard's example", () =>
    // RFC 3720, appendix B.4: 32 bytes of zeros.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa));

  it("empties the one before and removes those before that, half written ones too, but none of other programs", async () => {
    const folder = await temporaryFolder();
    const names = ["1.elsewhere", "1.host.1.sew", "2.host.1.sew", "2.host.1.sew.123"].map(
      (name) => `events.out.tfevents.${name}`,
    );
    for (const name of names) await writeFile(join(folder, name), "x");
    const file = await written(folder, []);
    expect((await readdir(folder)).sort()).toEqual([names[0], names[2], basename(file)].sort());
    expect(await Promise.all([0, 2].map((i) => readFile(join(folder, names[i]!), "utf8")))).toEqual(["x", ""]);
  });

  it("begins with the events that it keeps of the one before, which may be cut off anywhere or damaged", async () => {
    const folder = await temporaryFolder();
    const ends: number[] = [];
    const { file, append, close } = await openEventFile(folder);
    for (let step = 0; step < 4; step++) {
      append(loss(step));
      ends.push((await readFile(file)).length);
    }
    close();
    const whole = await readFile(file);
    const kept = async (bytes: Buffer) => {
      for (const name of await readdir(folder)) await rm(join(folder, name));
      await writeFile(file, bytes);
      const seen: string[] = [];
      const next = await openEventFile(folder, (step, tag) => {
        seen.push(`${step} ${tag}`);
        return step !== 1;
      });
      next.close();
      const steps = (await parse(next.file)).map(({ step }) => step);
      return { seen, steps };
    };
    const starts: number[] = [];
    for (let at = 0; at < whole.length; at += 16 + Number(whole.readBigUInt64LE(at))) starts.push(at);
    /** What the records before the losses are does not matter here. */
    const before = starts.length - ends.length;
    expect(await kept(whole)).toEqual({ seen: ["0 loss", "1 loss", "2 loss", "3 loss"], steps: [0, 2, 3] });
    for (let length = 0; length < whole.length; length += 3) {
      const complete = ends.filter((end) => end <= length).length;
      expect((await kept(whole.subarray(0, length))).seen).toHaveLength(complete);
      const damaged = Buffer.from(whole);
      damaged[length]! ^= 1;
      const record = starts.findLastIndex((start) => start <= length);
      const isLength = length - starts[record]! < 12;
      const isLeft = (step: number) => (isLength ? step + before < record : step + before !== record);
      expect((await kept(damaged)).seen).toEqual([0, 1, 2, 3].filter(isLeft).map((step) => `${step} loss`));
    }
  });

  it.each([-1, 0.5, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number])(
    "refuses step %s, and writes nothing",
    async (step) => {
      const { file, append, close } = await openEventFile(await temporaryFolder());
      const before = await readFile(file);
      expect(() => append(loss(step))).toThrow(
        new RangeError(`EventFile.append: step must be an integer of at least 0, got ${step}`),
      );
      close();
      expect(await readFile(file)).toEqual(before);
    },
  );

  it.each<[Partial<SummaryEvent>, Error]>([
    [{ time: Number.NaN }, new RangeError("EventFile.append: time must be a finite number, got NaN")],
    ...[undefined, null, "1", {}].map((value): [Partial<SummaryEvent>, Error] => [
      { values: { "loss\u001b": value as unknown as number } },
      new TypeError(
        `EventFile.append: values must be numbers, histograms or pictures, got ${value === null ? "null" : typeof value} for loss\\x1b`,
      ),
    ]),
    [
      { values: { "rates\u001b": { histogram: [1, Number.NaN] } } },
      new RangeError("EventFile.append: a histogram must hold finite values, got NaN in rates\\x1b"),
    ],
    [
      { values: { rates: { histogram: [] } } },
      new RangeError("EventFile.append: a histogram must hold at least 1 value, got none in rates"),
    ],
  ])("refuses %j", async (change, error) => {
    const { append, close } = await openEventFile(await temporaryFolder());
    expect(() => append({ ...loss(1), ...change })).toThrow(error);
    close();
  });

  it("names a file that it cannot write", async () => {
    const { file, append, close } = await openEventFile(await temporaryFolder());
    close();
    expect(() => append(loss(1))).toThrow(
      `EventFile.append: ${file} must be writable, got EBADF: bad file descriptor, write; make room or choose another folder, and resume`,
    );
  });
});

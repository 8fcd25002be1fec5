import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { appendEvent, type ScalarEvent, startEventFile } from "@sew/training/node";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "../support.js";

/** CRC-32C, bit by bit from its polynomial. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

const masked = (bytes: Uint8Array): number => {
  const crc = BigInt(crc32c(bytes));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
};

/** The data of every TFRecord, their checksums held to what they should be. */
function records(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(data));
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** The fields of a protocol buffer by number: numbers for the fixed and variable ones, bytes for the others. */
function fields(bytes: Buffer): { number: number; value: number | Buffer }[] {
  const found: { number: number; value: number | Buffer }[] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = take(1).readUInt8();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  const readers: Record<number, () => number | Buffer> = {
    0: varint,
    1: () => take(8).readDoubleLE(),
    2: () => take(varint()),
    5: () => take(4).readFloatLE(),
  };
  while (at < bytes.length) {
    const key = varint();
    found.push({ number: key >> 3, value: readers[key & 7]!() });
  }
  return found;
}

/** The scalar events of a file, by tensorflow/core/util/event.proto and framework/summary.proto. */
async function parse(file: string): Promise<ScalarEvent[]> {
  const [first, ...rest] = records(await readFile(file)).map(fields);
  expect(first?.find(({ number }) => number === 3)?.value.toString()).toBe("brain.Event:2");
  return rest.map((event) => {
    const get = (number: number) => event.find((field) => field.number === number)?.value;
    const scalars = fields(get(5) as Buffer).map(({ number, value }) => {
      expect(number).toBe(1);
      const [tag, simple] = fields(value as Buffer);
      return [String(tag!.value), simple!.value as number];
    });
    return { step: get(2) as number, time: get(1) as number, scalars: Object.fromEntries(scalars) };
  });
}

const float = fc.float({ noNaN: true });
const events = fc.array(
  fc.record({
    step: fc.oneof(fc.nat(300), fc.nat(Number.MAX_SAFE_INTEGER)),
    time: fc.double({ min: 0, max: 4e9, noNaN: true }),
    scalars: fc.dictionary(fc.string({ minLength: 1, maxLength: 200 }), float, { maxKeys: 4, noNullPrototype: true }),
  }),
  { maxLength: 4 },
);

describe("an event file", () => {
  it("can be read by a program that knows only the formats", async () => {
    const folder = await temporaryFolder();
    await fc.assert(
      fc.asyncProperty(events, events, async (before, after) => {
        const file = await startEventFile(folder, before);
        for (const event of after) await appendEvent(file, event);
        expect(await parse(file)).toEqual([...before, ...after]);
      }),
    );
  });

  it("has the checksum of the standard's example", () =>
    // RFC 3720, appendix B.4: 32 bytes of zeros.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa));

  it("takes the place of those of earlier starts, and of no others", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "events.out.tfevents.1.elsewhere"), "");
    await writeFile(join(folder, "events.out.tfevents.1.host.1.sew"), "");
    const file = await startEventFile(folder, []);
    expect((await readdir(folder)).sort()).toEqual(["events.out.tfevents.1.elsewhere", basename(file)].sort());
  });

  it.each([-1, 0.5, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number])(
    "refuses step %s, and writes nothing",
    async (step) => {
      const file = await startEventFile(await temporaryFolder(), []);
      const before = await readFile(file);
      expect(await messageOf(appendEvent(file, { step, time: 1, scalars: { loss: 1 } }))).toBe(
        `appendEvent: step must be an integer of at least 0, got ${step}`,
      );
      expect(await readFile(file)).toEqual(before);
    },
  );

  it("refuses a time that is not finite and a scalar that is no number, and names a file that it cannot write", async () => {
    const folder = await temporaryFolder();
    const file = await startEventFile(folder, []);
    expect(await messageOf(appendEvent(file, { step: 1, time: Number.NaN, scalars: {} }))).toBe(
      "appendEvent: time must be a finite number, got NaN",
    );
    const scalars = { "loss\u001b": undefined as unknown as number };
    expect(await messageOf(appendEvent(file, { step: 1, time: 1, scalars }))).toBe(
      "appendEvent: scalars must be numbers, got undefined for loss\\x1b",
    );
    expect(await messageOf(appendEvent(folder, { step: 1, time: 1, scalars: {} }))).toMatch(
      `appendEvent: ${folder} must be writable, got EISDIR: illegal operation on a directory`,
    );
  });
});

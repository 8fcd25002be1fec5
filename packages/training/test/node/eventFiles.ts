/** @file A reader of event files that knows only the formats. */
import { readFile } from "node:fs/promises";
import { expect } from "vitest";

/** CRC-32C, bit by bit from its polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

export const masked = (bytes: Uint8Array): number => {
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
export function fields(bytes: Buffer): { number: number; value: number | Buffer }[] {
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

/** What an event holds: scalars, buckets of histograms and pictures by tag, and the hyper-parameters. */
export interface Parsed {
  readonly step: number;
  readonly time: number;
  readonly values: Readonly<Record<string, unknown>>;
  readonly hyperparameters?: Readonly<Record<string, unknown>>;
}

/** The messages in the fields of a number. */
export const messages = (message: Buffer, number: number): Buffer[] =>
  fields(message)
    .filter((field) => field.number === number)
    .map(({ value }) => value as Buffer);

const only = (message: Buffer, number: number): number | Buffer | undefined =>
  fields(message).find((field) => field.number === number)?.value;

const doubles = (packed: Buffer): number[] =>
  Array.from({ length: packed.length / 8 }, (_, i) => packed.readDoubleLE(8 * i));

/** A histogram by tensorflow/core/framework/histogram.proto. */
function histogram(message: Buffer) {
  const [min, max, num, sum, squares] = [1, 2, 3, 4, 5].map((number) => only(message, number) as number);
  return {
    min,
    max,
    num,
    sum,
    squares,
    limits: doubles(messages(message, 6)[0]!),
    counts: doubles(messages(message, 7)[0]!),
  };
}

/** Hyper-parameters by tensorboard/plugins/hparams/plugin_data.proto. */
function hyperparameters(metadata: Buffer) {
  const plugin = messages(metadata, 1)[0]!;
  expect(String(only(plugin, 1))).toBe("hparams");
  const info = messages(messages(plugin, 2)[0]!, 3)[0]!;
  return Object.fromEntries(
    messages(info, 1).map((entry) => {
      const [{ number, value }] = fields(messages(entry, 2)[0]!) as [{ number: number; value: number | Buffer }];
      return [String(only(entry, 1)), number === 4 ? value === 1 : number === 3 ? String(value) : value];
    }),
  );
}

/** The events of a file, by tensorflow/core/util/event.proto and framework/summary.proto. */
export async function parse(file: string): Promise<Parsed[]> {
  const [version, start, ...rest] = records(await readFile(file));
  expect(String(only(version!, 3))).toBe("brain.Event:2");
  expect(fields(only(start!, 7) as Buffer)).toEqual([{ number: 1, value: 1 }]);
  return rest.map((event) => {
    const summary = messages(messages(event, 5)[0]!, 1);
    const own = summary.filter((value) => only(value, 9) === undefined);
    const parameters = summary.find((value) => only(value, 9) !== undefined);
    const values = own.map((value) => {
      const [, { number, value: content }] = fields(value) as [unknown, { number: number; value: number | Buffer }];
      const picture = (): unknown => {
        const [height, width] = [1, 2].map((n) => only(content as Buffer, n));
        return { height, width, png: new Uint8Array(only(content as Buffer, 4) as Buffer) };
      };
      return [
        String(only(value, 1)),
        number === 2 ? content : number === 5 ? histogram(content as Buffer) : picture(),
      ] as const;
    });
    return {
      step: only(event, 2) as number,
      time: only(event, 1) as number,
      values: Object.fromEntries(values),
      ...(parameters !== undefined && { hyperparameters: hyperparameters(only(parameters, 9) as Buffer) }),
    };
  });
}

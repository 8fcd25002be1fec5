/**
 * @file TensorBoard's event files: protocol buffers in TFRecords.
 *
 * A record is: length (u64), its masked CRC-32C (u32), the data, their masked CRC-32C (u32); little-endian.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord
 * The data are an Event of tensorflow/core/util/event.proto with a Summary of tensorflow/core/framework/summary.proto.
 */

import { appendFileSync, closeSync, openSync } from "node:fs";
import { readdir, readFile, rm, truncate } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import crc32c from "crc-32/crc32c.js";
import { bytes, double, doubles, fieldOf, float, text, varint } from "./protobuf.js";

/** A PNG file, as `frameStrip` of `@sew/analysis` draws them. */
export interface Png {
  readonly png: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** Finite values, at least one, that are shown as a histogram. */
export interface Histogram {
  readonly histogram: ArrayLike<number>;
}

/** Summaries of one point of the horizontal axis. */
export interface SummaryEvent {
  /** An integer from 0 on. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** A scalar, a histogram or a picture by tag. What stands before the first `/` of a tag is its group. */
  readonly values: Readonly<Record<string, number | Histogram | Png>>;
  /** Hyper-parameters of the run; what is no number, boolean or text is shown as JSON. @defaultValue none */
  readonly hyperparameters?: Readonly<Record<string, unknown>> | undefined;
}

/** An event file that is open. */
export interface EventFile {
  /** Its path. */
  readonly file: string;
  /**
   * Appends summaries.
   *
   * @throws RangeError when the step is not an integer of at least 0, the time not finite, or a histogram without values or
   * with some that are not finite; TypeError when a value is none of the three kinds; Error that names the file when it cannot
   * be written
   */
  append(event: SummaryEvent): void;
  close(): void;
}

/** Tells this package's event files, and what a killed process left of one, from those of other programs in the folder. */
const OWN = /^events\.out\.tfevents\..*\.sew(\.\d+)?$/;

/** Tag that carries the hyper-parameters of a run in TensorBoard's plugin `hparams`. */
export const HYPERPARAMETERS = "_hparams_/session_start_info";

/**
 * Starts an event file in place of those that this package wrote to the folder before.
 *
 * A new one is made at each start because TensorBoard follows a file as it grows, and never looks back: what is cut off the
 * end of a file stays on its screen. The mark `START` at its beginning makes it forget the earlier one, which stays, empty,
 * until the next start.
 *
 * @param keep which events of the earlier file the new one begins with, by their step and their first tag. @defaultValue none
 * @throws Error that names the file when it cannot be written
 */
export async function openEventFile(
  folder: string,
  keep: (step: number, tag: string) => boolean = () => false,
): Promise<EventFile> {
  const now = Date.now() / 1000;
  const earlier = (await readdir(folder)).filter((name) => OWN.test(name)).sort();
  const newest = earlier.findLast((name) => name.endsWith(".sew"));
  const kept = newest === undefined ? [] : keptRecords(await readFile(join(folder, newest)), keep);
  // In milliseconds: a name that was never there, since TensorBoard reads on where it was in a file of the same name.
  const file = join(folder, `events.out.tfevents.${Math.floor(1000 * now)}.${hostname()}.${process.pid}.sew`);
  const version = record([double(1, now), text(3, "brain.Event:2")]);
  const start = record([double(1, now), bytes(7, [varint(1, 1)])]);
  await writeAtomic(file, [version, start, ...kept], "openEventFile");
  for (const name of earlier) {
    // One that is gone would end the reading of a TensorBoard that follows it; one that is empty leads it to the next.
    await (name === newest ? truncate(join(folder, name)) : rm(join(folder, name), { force: true }));
  }
  const descriptor = openSync(file, "a");
  return {
    file,
    append(event) {
      const data = eventRecord(event);
      try {
        // Neither buffered nor awaited: it costs some 10 µs, and a checkpoint never knows a step that the file does not.
        appendFileSync(descriptor, data);
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        const must = `EventFile.append: ${file} must be writable, got ${message}`;
        throw Object.assign(new Error(`${must}; make room or choose another folder, and resume`, { cause: error }), {
          code,
        });
      }
    },
    close: () => closeSync(descriptor),
  };
}

/**
 * The records of a file to keep: without those whose data are damaged, up to the first whose length is, such as the last one of
 * a machine that lost power.
 */
function keptRecords(file: Buffer, keep: (step: number, tag: string) => boolean): Buffer[] {
  const kept: Buffer[] = [];
  for (let at = 0; at + 12 <= file.length; ) {
    const header = file.subarray(at, at + 8);
    if (file.readUInt32LE(at + 8) !== maskedCrc(header)) break;
    const end = at + 12 + Number(header.readBigUInt64LE());
    if (end + 4 > file.length) break;
    const data = file.subarray(at + 12, end);
    const record = file.subarray(at, end + 4);
    at = end + 4;
    if (file.readUInt32LE(end) !== maskedCrc(data)) continue;
    const summary = fieldOf(data, 5) as Buffer | undefined;
    const value = summary && (fieldOf(summary, 1) as Buffer | undefined);
    const tag = value && String(fieldOf(value, 1));
    if (tag !== undefined && keep((fieldOf(data, 2) as number | undefined) ?? 0, tag)) {
      kept.push(record);
    }
  }
  return kept;
}

function eventRecord({ step, time, values, hyperparameters }: SummaryEvent): Buffer {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(`EventFile.append: step must be an integer of at least 0, got ${step}`);
  }
  if (!Number.isFinite(time)) throw new RangeError(`EventFile.append: time must be a finite number, got ${time}`);
  const summary = Object.entries(values).map(([tag, value]) => bytes(1, [text(1, tag), valueField(tag, value)]));
  const parameters = hyperparameters === undefined ? [] : [hyperparametersValue(hyperparameters, time)];
  return record([double(1, time), varint(2, step), bytes(5, [...parameters, ...summary])]);
}

/** The field of Summary.Value that holds a value. */
function valueField(tag: string, value: number | Histogram | Png): Buffer {
  if (typeof value === "number") return float(2, value);
  if (typeof value === "object" && value !== null) {
    if ("histogram" in value) return bytes(5, histogramFields(tag, value.histogram));
    if ("png" in value) {
      for (const side of ["width", "height"] as const) {
        if (Number.isSafeInteger(value[side]) && value[side] > 0) continue;
        throw new RangeError(
          `EventFile.append: ${side} must be an integer above 0, got ${value[side]} for ${printable(tag)}`,
        );
      }
      // The 4 says red, green, blue and opacity.
      return bytes(4, [varint(1, value.height), varint(2, value.width), varint(3, 4), bytes(4, [value.png])]);
    }
  }
  throw new TypeError(
    `EventFile.append: values must be numbers, histograms or pictures, got ${value === null ? "null" : typeof value} for ` +
      printable(tag),
  );
}

/** Buckets of a histogram, as many as TensorBoard shows. */
const BUCKETS = 30;

/** The fields of a HistogramProto: buckets of equal width from the least value to the greatest. */
function histogramFields(tag: string, values: ArrayLike<number>): Buffer[] {
  let [least, greatest, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      throw new RangeError(`EventFile.append: a histogram must hold finite values, got ${value} in ${printable(tag)}`);
    }
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
    squares += value * value;
  }
  if (values.length === 0) {
    throw new RangeError(`EventFile.append: a histogram must hold at least 1 value, got none in ${printable(tag)}`);
  }
  const width = (greatest - least) / BUCKETS;
  const counts = new Array<number>(width > 0 ? BUCKETS : 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bucket = width > 0 ? Math.floor((values[i]! - least) / width) : 0;
    counts[Math.min(bucket, counts.length - 1)]!++;
  }
  const limits = counts.map((_, i) => (i + 1 === counts.length ? greatest : least + (i + 1) * width));
  return [
    ...[least, greatest, values.length, sum, squares].map((value, i) => double(i + 1, value)),
    doubles(6, limits),
    doubles(7, counts),
  ];
}

/**
 * A Summary.Value for the plugin `hparams`: its metadata hold a SessionStartInfo of
 * tensorboard/plugins/hparams/plugin_data.proto. TensorBoard makes the experiment's columns of those of all runs: an
 * Experiment would be taken of one run alone, and hide what only others have.
 */
function hyperparametersValue(parameters: Readonly<Record<string, unknown>>, time: number): Buffer {
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  const fields = entries.map(([name, value]) => bytes(1, [text(1, name), bytes(2, [protobufValue(value)])]));
  const info = bytes(3, [...fields, double(5, time)]);
  const plugin = bytes(1, [text(1, "hparams"), bytes(2, [info])]);
  // An empty tensor of floats: dtype 1, of shape [0].
  const tensor = bytes(8, [varint(1, 1), bytes(2, [bytes(2, [])])]);
  return bytes(1, [text(1, HYPERPARAMETERS), bytes(9, [plugin]), tensor]);
}

/** A google.protobuf.Value. */
function protobufValue(value: unknown): Buffer {
  if (typeof value === "number") return double(2, value);
  if (typeof value === "boolean") return varint(4, value ? 1 : 0);
  return text(3, typeof value === "string" ? value : JSON.stringify(value));
}

function record(fields: readonly Buffer[]): Buffer {
  const data = Buffer.concat(fields);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc32c(length), data, maskedCrc32c(data)]);
}

function maskedCrc32c(data: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(maskedCrc(data));
  return bytes;
}

/** `mask(c) = (c rotated right by 15 bits) + 0xa282ead8`, so that records may hold records. */
function maskedCrc(data: Buffer): number {
  const crc = crc32c.buf(data) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * @file TensorBoard's event files: protocol buffers in TFRecords.
 *
 * A record is: length (u64), its masked CRC-32C (u32), the data, their masked CRC-32C (u32); little-endian.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord
 * The data are an Event of tensorflow/core/util/event.proto, with scalars as a Summary's simple values.
 */

import { appendFile, readdir, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { printable } from "@sew/kernels";
import crc32c from "crc-32/crc32c.js";
import type { Listener } from "../events.js";
import type { EpochMetrics } from "../metrics.js";

/** Scalars of one point of the horizontal axis. */
export interface ScalarEvent {
  /** An integer from 0 on. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Tells this package's event files from those of other programs in the same folder. */
const SUFFIX = ".sew";

/**
 * Starts an event file with what a run has come to so far, in place of those it wrote before, and returns its path.
 *
 * A new one is made at each start because TensorBoard follows a file as it grows, and never looks back.
 */
export async function startEventFile(folder: string, events: readonly ScalarEvent[]): Promise<string> {
  const now = Date.now() / 1000;
  const earlier = (await readdir(folder)).filter((name) => /^events\.out\.tfevents\..*\.sew$/.test(name));
  const file = join(folder, `events.out.tfevents.${Math.floor(now)}.${hostname()}.${process.pid}${SUFFIX}`);
  const version = record([double(1, now), text(3, "brain.Event:2")]);
  const records = Buffer.concat([version, ...events.map(scalarRecord)]);
  await naming("startEventFile", file, writeFile(file, records));
  for (const name of earlier) if (join(folder, name) !== file) await rm(join(folder, name), { force: true });
  return file;
}

/**
 * Appends scalars to an event file.
 *
 * @throws RangeError when the step is not an integer of at least 0 or the time not finite; TypeError when a scalar is no
 * number; Error that names the file when it cannot be written
 */
export async function appendEvent(file: string, event: ScalarEvent): Promise<void> {
  await naming("appendEvent", file, appendFile(file, scalarRecord(event)));
}

/** Names the file in the error of a write. */
async function naming(caller: string, file: string, write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const text = `${caller}: ${file} must be writable, got ${message}; make room or choose another folder, and resume`;
    throw Object.assign(new Error(text, { cause: error }), { code });
  }
}

/** A listener that writes the metrics of each epoch for TensorBoard, into an event file in a folder. */
export function tensorBoard(folder: string): Listener {
  return async function* (events) {
    let file = "";
    for await (const event of events) {
      if (event.type === "start") file = await startEventFile(folder, event.state.history.map(scalarsOf));
      if (event.type === "epoch") await appendEvent(file, scalarsOf(event.metrics));
      yield event;
    }
  };
}

/** An epoch's metrics as TensorBoard shows them. */
function scalarsOf({ epoch, time, ...metrics }: EpochMetrics): ScalarEvent {
  const tags: Readonly<Record<keyof typeof metrics, string>> = {
    learningRate: "learning rate",
    trainLoss: "loss/train",
    trainTop1: "top-1/train",
    validationLoss: "loss/validation",
    validationTop1: "top-1/validation",
    validationTop5: "top-5/validation",
    testLoss: "loss/test",
    testTop1: "top-1/test",
    testTop5: "top-5/test",
    seconds: "time/seconds per epoch",
    samplesPerSecond: "time/samples per second",
  };
  const named = Object.entries(metrics).map(([name, value]) => [tags[name as keyof typeof metrics], value] as const);
  return { step: epoch, time, scalars: Object.fromEntries(named) };
}

function scalarRecord({ step, time, scalars }: ScalarEvent): Buffer {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(`appendEvent: step must be an integer of at least 0, got ${step}`);
  }
  if (!Number.isFinite(time)) throw new RangeError(`appendEvent: time must be a finite number, got ${time}`);
  for (const [tag, value] of Object.entries(scalars)) {
    if (typeof value === "number") continue;
    throw new TypeError(`appendEvent: scalars must be numbers, got ${typeof value} for ${printable(tag)}`);
  }
  const values = Object.entries(scalars).map(([tag, value]) => bytes(1, [text(1, tag), float(2, value)]));
  return record([double(1, time), varint(2, step), bytes(5, values)]);
}

function record(fields: readonly Buffer[]): Buffer {
  const data = Buffer.concat(fields);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

/** `mask(c) = (c rotated right by 15 bits) + 0xa282ead8`, so that records may hold records. */
function maskedCrc(data: Buffer): Buffer {
  const crc = crc32c.buf(data) >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** A field's key: its number, and how its value is laid out. */
function key(field: number, wireType: 0 | 1 | 2 | 5): number {
  return field * 8 + wireType;
}

function base128(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...base128(Math.floor(value / 128))];
}

function varint(field: number, value: number): Buffer {
  return Buffer.from([key(field, 0), ...base128(value)]);
}

function double(field: number, value: number): Buffer {
  const buffer = Buffer.from([key(field, 1), 0, 0, 0, 0, 0, 0, 0, 0]);
  buffer.writeDoubleLE(value, 1);
  return buffer;
}

function float(field: number, value: number): Buffer {
  const buffer = Buffer.from([key(field, 5), 0, 0, 0, 0]);
  buffer.writeFloatLE(value, 1);
  return buffer;
}

function bytes(field: number, parts: readonly Buffer[]): Buffer {
  const data = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([key(field, 2), ...base128(data.length)]), data]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, [Buffer.from(value)]);
}

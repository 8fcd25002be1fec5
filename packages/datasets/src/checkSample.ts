/** @file One sample of a data set, checked: what it measures, and its digest. */
import { createHash } from "node:crypto";
import { random } from "@sew/random";
import { checkColumns, type Events } from "./events.js";
import { checkEvents } from "./integrate.js";
import { type SampleReader, sizeOf } from "./source.js";
import type { ChooseView } from "./transforms/view.js";

/** What was found of a sample: its digest and measures, or what is wrong with it. */
export type SampleFindings =
  | { readonly digest: string; readonly measures: Readonly<Record<string, number>> }
  | { readonly fault: string };

/** Pixels above which an image is compared in a smaller size, so that memory stays bounded. */
const MOST_PIXELS = 2 ** 22;

/** Checks a sample of a source; of an image file all of its pixels, whatever the source crops. */
export async function checkSourceSample(
  reader: SampleReader,
  shape: readonly number[],
  index: number,
): Promise<SampleFindings> {
  try {
    if (reader.readView !== undefined) return await checkImage(reader.readView, index);
    const values = await reader.read([index]);
    const fault = faultOf(values, sizeOf(shape));
    return fault === undefined ? { digest: digestOf([values]), measures: {} } : { fault };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

async function checkImage(readView: NonNullable<SampleReader["readView"]>, index: number): Promise<SampleFindings> {
  let [height, width] = [0, 0];
  const whole: ChooseView = (rows, columns) => {
    [height, width] = [rows, columns];
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (rows * columns)));
    const size = { height: Math.max(1, Math.floor(scale * rows)), width: Math.max(1, Math.floor(scale * columns)) };
    return {
      from: { top: 0, left: 0, height: rows, width: columns },
      height: size.height,
      width: size.width,
      crop: { top: 0, left: 0, height: size.height, width: size.width },
    };
  };
  const values = await readView([index], whole, [random(0)]);
  return { digest: digestOf([Float64Array.of(height, width), values]), measures: { height, width } };
}

/** Checks the events of a sample. */
export function checkRecording(
  events: Events,
  sensor: { readonly height: number; readonly width: number; readonly polarities: number },
): SampleFindings {
  const { t, x, y, p } = events;
  try {
    checkColumns("checkData", events);
    checkEvents("checkData", events, sensor);
  } catch (error) {
    return { fault: messageOf(error) };
  }
  if (t.length === 0) return { fault: "checkData: a recording must hold events, got none; copy or download it again" };
  const back = t.findIndex((time, i) => time < (t[i - 1] ?? time));
  if (back >= 0) {
    return { fault: `checkData: times must not decrease, got ${t[back]} after ${t[back - 1]} at event ${back}` };
  }
  const milliseconds = (t.at(-1)! - t[0]!) / 1000;
  return { digest: digestOf([t, x, y, p]), measures: { events: t.length, milliseconds } };
}

function faultOf(values: Float32Array, expected: number): string | undefined {
  if (values.length !== expected) {
    return `checkData: source must read ${expected} values of a sample, got ${values.length}`;
  }
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  return wrong < 0 ? undefined : `checkData: samples must hold finite numbers, got ${values[wrong]} at value ${wrong}`;
}

/** 128 bits of the SHA-256 of arrays, in 22 characters. */
function digestOf(arrays: readonly ArrayBufferView[]): string {
  const hash = createHash("sha256");
  for (const array of arrays) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return hash.digest("base64url").slice(0, 22);
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @file One batch: read, transformed sample by sample, and put time first. Runs in a worker thread or in the caller's. */
import { type Random, random } from "@sew/random";
import { type SampleReader, sizeOf } from "./source.js";
import type { Transform } from "./transforms/transform.js";

/** What all batches of a loader have in common. */
export interface BatchPlan {
  /** Shape of a sample of the source. */
  readonly shape: readonly number[];
  readonly seed: number;
  /** Whether the source applies the first transform: it decodes the transform's view. */
  readonly decodesView: boolean;
}

/** Which batch. */
export interface BatchJob {
  readonly epoch: number;
  /** Index of the batch in its epoch. */
  readonly batch: number;
  /** Indices of the N samples in the source. */
  readonly samples: Int32Array;
  /** Values `[N, ...shape]`, where the source was read elsewhere. */
  readonly values?: Float32Array;
}

/** Reads samples, and checks that they are as many values as they should be. */
export async function readSamples(
  source: SampleReader,
  transforms: readonly Transform[],
  plan: BatchPlan,
  job: BatchJob,
): Promise<Float32Array> {
  const { samples } = job;
  const [first] = transforms;
  const values = plan.decodesView
    ? await source.readView!(
        samples,
        first!.view!,
        Array.from(samples, (sample) => randomOf(first!, 0, plan, job, sample)),
      )
    : await source.read(samples);
  const shape = shapesAfter(transforms, plan.shape)[plan.decodesView ? 1 : 0]!;
  const expected = samples.length * sizeOf(shape);
  if (!(values instanceof Float32Array) || values.length !== expected) {
    const got = values instanceof Float32Array ? `${values.length}` : Object.prototype.toString.call(values);
    throw new RangeError(
      `createLoader: source must read a Float32Array of ${expected} values for ${samples.length} samples of shape ` +
        `[${shape.join(", ")}], got ${got}`,
    );
  }
  return values;
}

/** The random numbers of the transform at a position. */
function randomOf(
  { randomness = "sample" }: Transform,
  position: number,
  { seed }: BatchPlan,
  { epoch, batch }: BatchJob,
  sample: number,
): Random {
  return random(seed, epoch, randomness === "batch" ? batch : sample, position);
}

/**
 * Prepares a batch: `x[t, n, ...] = transformed(samples[n])[t, ...]`.
 *
 * @returns `[T, N, ...]`
 * @throws RangeError when a transform returns another number of values than it declares, or a value is not finite
 */
export async function prepareBatch(
  source: SampleReader,
  transforms: readonly Transform[],
  plan: BatchPlan,
  job: BatchJob,
): Promise<Float32Array> {
  const { samples } = job;
  const read = job.values ?? (await readSamples(source, transforms, plan, job));
  const shapes = shapesAfter(transforms, plan.shape);
  const first = plan.decodesView ? 1 : 0;
  const last = shapes.at(-1)!;
  const [steps = 1] = last;
  const [size, frame] = [sizeOf(shapes[first]!), sizeOf(last.slice(1))];
  const x = new Float32Array(steps * samples.length * frame);
  samples.forEach((sample, n) => {
    let value = read.subarray(n * size, (n + 1) * size);
    for (let position = first; position < transforms.length; position++) {
      const transform = transforms[position]!;
      const { name, apply } = transform;
      value = apply(value, shapes[position]!, randomOf(transform, position, plan, job, sample)) as typeof value;
      const expected = sizeOf(shapes[position + 1]!);
      if (value.length !== expected) {
        throw new RangeError(
          `createLoader: transforms[${position}] (${name}) must return ${expected} values for shape ` +
            `[${shapes[position + 1]!.join(", ")}], got ${value.length}; declare the shape with shapeOf`,
        );
      }
    }
    checkFinite(value, sample);
    for (let t = 0; t < steps; t++) x.set(value.subarray(t * frame, (t + 1) * frame), (t * samples.length + n) * frame);
  });
  return x;
}

/** Shape of a sample before the first transform, and after each. */
export function shapesAfter(
  transforms: readonly Transform[],
  shape: readonly number[],
): readonly (readonly number[])[] {
  const shapes = [shape];
  for (const { shapeOf } of transforms) {
    const before = shapes.at(-1)!;
    shapes.push(shapeOf === undefined ? before : shapeOf(before));
  }
  return shapes;
}

/** A network of spiking neurons hides NaN: they do not fire, and the loss stays finite. */
function checkFinite(values: Float32Array, sample: number): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0; // NaN once a value is not finite
  if (sum === 0) return;
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  throw new RangeError(
    `createLoader: samples must hold finite numbers, got ${values[wrong]} at value ${wrong} of sample ${sample}; ` +
      "check the source and the transforms",
  );
}

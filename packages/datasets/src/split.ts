import { checkSeed, permutation, random } from "@sew/random";
import { checkSource, type Source } from "./source.js";
import { subset } from "./subset.js";

/** How {@link split} divides a source. */
export interface SplitOptions {
  /** Part of the samples that goes to validation, between 0 and 1. */
  readonly validation: number;
  /** Part of the samples that goes to a test set, between 0 and 1. @defaultValue no test set */
  readonly test?: number;
  /** Decides which samples go where; an integer. @defaultValue 0 */
  readonly seed?: number;
  /** Divide each class in these proportions, instead of all samples together. @defaultValue `true` */
  readonly stratified?: boolean;
}

/** Parts of one source without common samples. */
export interface SplitSources {
  /** The rest. */
  readonly train: Source;
  readonly validation: Source;
  readonly test?: Source;
}

/**
 * Divides a source at random into train, validation and, where asked for, test.
 *
 * Of n samples (of a class, if stratified), `round(validation * n)` go to validation, `round(test * n)` to test and the
 * rest to train. Each part keeps the source's order and is a {@link subset} with a fingerprint of its own, which depends
 * on the source's fingerprint and on the samples chosen. The parts are named `<source>-train` and so on.
 *
 * Samples are divided one by one: those of one person or recording land in several parts. For parts without common people,
 * choose the indices by `names` and call {@link subset}.
 *
 * @throws RangeError when a proportion is not between 0 and 1, they leave nothing to train on, a part would be empty,
 *   or, if stratified, a part would lack a class
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 2, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 4 });
 * const { train, validation } = split(cache, { validation: 0.5, seed: 1 });
 * [train.count, validation.count]; // [11, 11]
 * new Set(Array.from(validation.labels)).size; // 11
 */
export function split(source: Source, options: SplitOptions & { readonly test: number }): Required<SplitSources>;
export function split(source: Source, options: SplitOptions): SplitSources;
export function split(source: Source, { validation, test, seed = 0, stratified = true }: SplitOptions): SplitSources {
  checkSource("split", source);
  checkSeed("split", seed);
  const proportions = Object.entries({ validation, ...(test !== undefined && { test }) });
  for (const [part, proportion] of proportions) {
    if (!(proportion > 0 && proportion < 1)) {
      throw new RangeError(`split: ${part} must be above 0 and below 1, got ${proportion}`);
    }
  }
  const held = proportions.reduce((sum, [, proportion]) => sum + proportion, 0);
  if (held >= 1)
    throw new RangeError(`split: validation and test must leave samples to train on, got ${held} together`);

  const groups: { readonly name: string; readonly members: number[] }[] = stratified
    ? source.classes.map((name) => ({ name: `class ${name}`, members: [] }))
    : [{ name: "samples", members: [] }];
  for (let i = 0; i < source.count; i++) groups[stratified ? source.labels[i]! : 0]!.members.push(i);
  const indices: Record<string, number[]> = { train: [] };
  for (const [part] of proportions) indices[part] = [];
  for (const [g, { name, members }] of groups.entries()) {
    if (members.length === 0) continue; // A class without samples in the source has none in its parts.
    const order = permutation(members.length, random(seed, g));
    const take = (part: string, from: number, to: number): void => {
      if (to <= from) {
        throw new RangeError(
          `split: each part must have ${stratified ? "samples of every class" : "samples"}, got none in ${part} of the ` +
            `${members.length} of ${name}; change the proportions${stratified ? ", or set stratified: false" : ""}`,
        );
      }
      for (const i of order.subarray(from, to)) indices[part]!.push(members[i]!);
    };
    let from = 0;
    for (const [part, proportion] of proportions) {
      const to = from + Math.round(proportion * members.length);
      take(part, from, to);
      from = to;
    }
    take("train", from, members.length);
  }
  const part = (name: string): Source =>
    subset(
      source,
      indices[name]!.sort((a, b) => a - b),
      `${source.name}-${name}`,
    );
  return {
    train: part("train"),
    validation: part("validation"),
    ...(test !== undefined && { test: part("test") }),
  };
}

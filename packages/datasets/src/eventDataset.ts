import type { Events } from "./events.js";

/** One labelled sample of an {@link EventDataset}. */
export interface Sample {
  /** Distinct within its split. */
  readonly name: string;
  /** Index into the data set's `classes`. */
  readonly label: number;
  /** The files it is made from, as paths. A cache of the sample is stale once one of them changes. */
  readonly files: readonly string[];
}

/** The parts that a data set is published in. */
export type Split = "train" | "test";

/** Options of the sets whose recordings can be read up to where they end too early. */
export interface EventDatasetOptions {
  /**
   * How to treat a recording that ends within an event, packet or header, such as an interrupted copy: `"refuse"` throws
   * when its events are read; `"keep"` takes the events before that point and emits a process warning
   * (`TruncatedRecordingWarning`).
   *
   * @defaultValue `"refuse"`
   */
  readonly truncated?: "refuse" | "keep";
}

/**
 * The name of a data set that is read with other options than the default ones: a cache of its frames is not taken for one
 * without them.
 *
 * @param options words for options, and whether each is in use
 *
 * @example
 * nameWith("n-cars", { truncated: true, lenient: false }); // "n-cars-truncated"
 */
export function nameWith(name: string, options: Readonly<Record<string, boolean>>): string {
  return [name, ...Object.keys(options).filter((word) => options[word])].join("-");
}

/**
 * A data set of event recordings; `cacheFrames` makes a `Source` of one of its splits.
 *
 * A new data set is one file with a function that returns such an object, and one call of `describeEventDataset` in its
 * test (`docs/adding-a-data-set.md`). Frames, caching and loading then work with it as they are.
 *
 * @typeParam S what the data set needs to know about a sample to read its events
 */
export interface EventDataset<S extends Sample = Sample> {
  /** Lower-case words joined by `-`; names the cache, so that options that change the events change it ({@link nameWith}). */
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  /** Rows of the sensor. */
  readonly height: number;
  /** Columns of the sensor. */
  readonly width: number;
  /** Number of polarities: `p` of an event is in 0..polarities-1. @defaultValue 2 */
  readonly polarities?: number;
  /** Number of samples as the set was published; `checkData` reports another one. @defaultValue not known */
  readonly published?: Readonly<Record<Split, number>>;
  /** The samples of a split, always in the same order. Those that share a file follow one another. */
  samples(split: Split): Promise<readonly S[]>;
  /** The events of a sample, within the sensor. */
  events(sample: S): Promise<Events>;
}

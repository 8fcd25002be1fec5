import { fingerprint } from "./fingerprint.js";
import { type ModuleReference, openReference } from "./moduleReference.js";
import { checkIndices, checkSource, type SampleReader, type Source } from "./source.js";

/**
 * The samples `indices` of a source, in that order, as a source.
 *
 * Its fingerprint depends on the source's and on the indices. Worker threads read it where they read the source.
 *
 * @param indices distinct samples of `source`, at least one
 * @param name name of the new source. @defaultValue `<source>-subset`
 * @throws RangeError when `indices` is empty, repeats an index, or holds one that is no sample
 *
 * @example
 * await writeSyntheticGestures("gestures", { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.1 });
 * const cache = await cacheFrames(dvsGesture("gestures"), "train", { dir: "cache", frames: 4 });
 * subset(cache, [2, 0]).labels; // [2, 0]
 */
export function subset(source: Source, indices: ArrayLike<number>, name = `${source.name}-subset`): Source {
  checkSource("subset", source);
  checkIndices("subset", source.count, indices);
  const chosen = Int32Array.from(indices);
  const seen = new Set<number>();
  for (const index of chosen) {
    if (seen.has(index)) throw new RangeError(`subset: indices must be distinct, got ${index} twice`);
    seen.add(index);
  }
  if (chosen.length === 0) throw new RangeError("subset: indices must hold at least one sample, got none");

  return {
    name,
    classes: source.classes,
    count: chosen.length,
    shape: source.shape,
    labels: Array.from(chosen, (index) => source.labels[index]!),
    names: Array.from(chosen, (index) => source.names[index]!),
    fingerprint: fingerprint({ source: source.fingerprint, indices: chosen }),
    ...readerOf(name, source, chosen),
    ...(source.module !== undefined && {
      module: {
        url: import.meta.url,
        name: openSubset.name,
        options: { name, source: source.module, indices: chosen } satisfies SubsetOptions,
      },
    }),
  };
}

interface SubsetOptions {
  readonly name: string;
  readonly source: ModuleReference;
  readonly indices: Int32Array;
}

/** Opens a subset in a worker thread. @internal */
export async function openSubset({ name, source, indices }: SubsetOptions): Promise<SampleReader> {
  return readerOf(name, await openReference(source), indices);
}

function readerOf(name: string, source: SampleReader, chosen: Int32Array): SampleReader {
  const inSource = (indices: ArrayLike<number>): Int32Array => {
    checkIndices(name, chosen.length, indices);
    return Int32Array.from(indices, (i) => chosen[i]!);
  };
  return {
    read: (indices) => source.read(inSource(indices)),
    ...(source.readView !== undefined && {
      readView: (indices, view, randoms) => source.readView!(inSource(indices), view, randoms),
    }),
  };
}

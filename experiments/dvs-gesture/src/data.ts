/** @file From recordings to batches. */
import {
  cacheFrames,
  createLoader,
  dvsGesture,
  type EventDataset,
  type FrameCache,
  type Loader,
  nMnist,
  type Split,
  temporalDelete,
  writeSyntheticGestures,
} from "@sew/datasets";
import type { Data } from "@sew/training";
import type { Settings } from "./options.js";

/** Samples per batch when nothing is learned: more at a time than in training would gain nothing. */
const TEST_BATCH = 8;

/** A data set ready to train on. */
export interface Prepared {
  readonly data: Data;
  readonly test: FrameCache;
  readonly train: FrameCache;
  close(): Promise<void>;
}

/** Tells how far a slow preparation is, at most once a second, on one line of a terminal or several of a file. */
function counter(what: string): (done: number, total: number) => void {
  let last = 0;
  const started = performance.now();
  return (done, total) => {
    const now = performance.now();
    if (done < total && now - last < 1000) return;
    last = now;
    const left = Math.round((((now - started) / 1000) * (total - done)) / done);
    const text = `${what}: ${done}/${total}${done < total ? `, about ${left} s left` : ""}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}${done < total ? "" : "\n"}` : `${text}\n`);
  };
}

async function recordings(settings: Settings): Promise<EventDataset> {
  const { dataset, data, lenientLabels } = settings;
  switch (dataset) {
    case "synthetic":
      await writeSyntheticGestures(data, { onProgress: counter("making synthetic recordings") });
      return dvsGesture(data);
    case "dvs-gesture":
      return dvsGesture(data, { labelProblems: lenientLabels ? "warn" : "error" });
    case "n-mnist":
      return nMnist(data);
  }
}

/** Makes what is missing (synthetic recordings, integrated frames) and opens both splits. */
export async function prepare(settings: Settings): Promise<Prepared> {
  const { cache, frames, trainFrames, by, batch, seed, workers } = settings;
  const source = await recordings(settings);
  const open = (split: Split) =>
    cacheFrames(source, split, { dir: cache, frames, by, onProgress: counter(`integrating ${split} frames`) });
  const [train, test] = [await open("train"), await open("test")];
  const trainLoader = createLoader(train, {
    batchSize: batch,
    shuffle: true,
    seed,
    workers,
    transforms: [temporalDelete({ keep: trainFrames })],
  });
  const testLoader = createLoader(test, { batchSize: TEST_BATCH, workers });
  const loaders: Loader[] = [trainLoader, testLoader];
  return {
    train,
    test,
    data: {
      train: (epoch, start) => trainLoader.epoch({ epoch, start }),
      test: () => testLoader.epoch(),
      trainBatches: trainLoader.batchesPerEpoch,
      testBatches: testLoader.batchesPerEpoch,
    },
    close: async () => void (await Promise.all(loaders.map((loader) => loader.close()))),
  };
}

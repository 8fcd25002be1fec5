import type { EventDataset } from "./eventDataset.js";
import { dvsGesture } from "./sets/dvsGesture.js";
import { nMnist } from "./sets/nMnist.js";

/**
 * Every data set of event recordings by its name on command lines; each function takes the folder of its files.
 *
 * @example
 * eventDatasets["n-mnist"]("data/N-MNIST").classes.length; // 10
 */
export const eventDatasets = {
  "dvs-gesture": dvsGesture,
  "n-mnist": nMnist,
} as const satisfies Record<string, (dir: string) => EventDataset>;

export { parseNMnist, readNMnist } from "./formats/readNMnist.js";
export { type DvsGestureOptions, dvsGesture, type GestureSample, gestureClasses } from "./sets/dvsGesture.js";
export { nMnist } from "./sets/nMnist.js";

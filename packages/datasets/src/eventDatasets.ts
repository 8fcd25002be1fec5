import type { EventDataset, EventDatasetOptions } from "./eventDataset.js";
import { cifar10Dvs } from "./sets/cifar10Dvs.js";
import { dvsGesture } from "./sets/dvsGesture.js";
import { nCaltech101 } from "./sets/nCaltech101.js";
import { nCars } from "./sets/nCars.js";
import { nMnist } from "./sets/nMnist.js";

/**
 * Every data set of event recordings by its name on command lines; each function takes the folder of its files and {@link EventDatasetOptions}.
 *
 * @example
 * eventDatasets["n-mnist"]("data/N-MNIST").classes.length; // 10
 */
export const eventDatasets = {
  "cifar10-dvs": cifar10Dvs,
  "dvs-gesture": dvsGesture,
  "n-caltech101": nCaltech101,
  "n-cars": nCars,
  "n-mnist": nMnist,
} as const satisfies Record<string, (dir: string, options?: EventDatasetOptions) => EventDataset>;

export { type Cifar10DvsOptions, cifar10Dvs } from "./sets/cifar10Dvs.js";
export { type DvsGestureOptions, dvsGesture, type GestureSample, gestureClasses } from "./sets/dvsGesture.js";
export { nCaltech101 } from "./sets/nCaltech101.js";
export { nCars } from "./sets/nCars.js";
export { nMnist } from "./sets/nMnist.js";

export { type CacheFramesOptions, cacheFrames } from "./cacheFrames.js";
export {
  type Batch,
  batches,
  createLoader,
  type EpochOptions,
  type Loader,
  type LoaderOptions,
} from "./createLoader.js";
export { type DvsGestureOptions, dvsGesture, type GestureSample, gestureClasses } from "./dvsGesture.js";
export type { EventDataset, Sample, Split } from "./eventDataset.js";
export { type Events, eventsBetween } from "./events.js";
export { type FileFault, FileFormatError } from "./fileFormatError.js";
export {
  type FrameCache,
  type FrameCacheManifest,
  type OpenFrameCacheOptions,
  openFrameCache,
} from "./frameCache.js";
export { type IntegrateOptions, integrate, type SplitBy } from "./integrate.js";
export { nMnist } from "./nMnist.js";
export { randomTemporalDelete } from "./randomTemporalDelete.js";
export { type Aedat31Options, parseAedat31, readAedat31 } from "./readAedat31.js";
export { parseNMnist, readNMnist } from "./readNMnist.js";
export { encodeAedat31, type WriteAedat31Options, writeAedat31 } from "./writeAedat31.js";
export { type SyntheticGestureOptions, writeSyntheticGestures } from "./writeSyntheticGestures.js";

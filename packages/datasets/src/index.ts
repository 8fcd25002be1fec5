export { type CacheFramesOptions, cacheFrames } from "./cacheFrames.js";
export { type CacheImagesOptions, cacheImages } from "./cacheImages.js";
export {
  type CheckDataOptions,
  type CheckedData,
  type CheckedSample,
  checkData,
  type DataCheck,
  type DataProblem,
  type Distribution,
  type ExampleSample,
  type SplitCheck,
} from "./checkData.js";
export {
  type Batch,
  createLoader,
  type EpochOptions,
  type Loader,
  type LoaderOptions,
  type Shard,
} from "./createLoader.js";
export { defineSource } from "./defineSource.js";
export { type EventDataset, type EventDatasetOptions, nameWith, type Sample, type Split } from "./eventDataset.js";
export * from "./eventDatasets.js";
export { type Events, eventsBetween } from "./events.js";
export { type FileFault, FileFormatError } from "./fileFormatError.js";
export { fingerprint } from "./fingerprint.js";
export { readAedat2 } from "./formats/readAedat2.js";
export { type Aedat4Options, readAedat4 } from "./formats/readAedat4.js";
export { readAedat31 } from "./formats/readAedat31.js";
export { readAtis } from "./formats/readAtis.js";
export { type CifarOptions, type CifarRecords, parseCifar, readCifar } from "./formats/readCifar.js";
export { readDat } from "./formats/readDat.js";
export { readEvt2, readEvt21 } from "./formats/readEvt2.js";
export { readEvt3 } from "./formats/readEvt3.js";
export { readNpz } from "./formats/readNpz.js";
export { readRecording, streamRecording } from "./formats/readRecording.js";
export { type RecordingKind, recogniseRecording } from "./formats/recogniseRecording.js";
export type { RecordingFile, RecordingOptions } from "./formats/recording.js";
export type { RecordingFormat } from "./formats/signatures.js";
export { encodeAedat31, type WriteAedat31Options, writeAedat31 } from "./formats/writeAedat31.js";
export {
  type FrameCache,
  type FrameCacheManifest,
  type OpenFrameCacheOptions,
  openFrameCache,
} from "./frameCache.js";
export { type IntegrateOptions, integrate, type Slicing, type SplitBy } from "./integrate.js";
export type { ModuleReference } from "./moduleReference.js";
export { type Cifar100Options, cifar10, cifar100 } from "./sets/cifar.js";
export { type ImageFolderOptions, imageFolder } from "./sets/imageFolder.js";
export { type ImageNetOptions, imageNet } from "./sets/imageNet.js";
export {
  type SpikingJellyEventsOptions,
  type SpikingJellyFramesOptions,
  spikingJellyEvents,
  spikingJellyFrames,
} from "./sets/spikingJelly.js";
export { type SyntheticGestureOptions, writeSyntheticGestures } from "./sets/writeSyntheticGestures.js";
export { checkIndices, type Source } from "./source.js";
export { type SplitOptions, type SplitSources, split } from "./split.js";
export { subset } from "./subset.js";
export { type CropOptions, centreCrop, type RandomCropOptions, randomCrop } from "./transforms/crop.js";
export { type NormaliseOptions, normalise } from "./transforms/normalise.js";
export { type RandomFlipOptions, randomFlip } from "./transforms/randomFlip.js";
export {
  type RandomResizedCropOptions,
  type ResizedCentreCropOptions,
  randomResizedCrop,
  resizedCentreCrop,
} from "./transforms/resizedCrop.js";
export { type TemporalDeleteOptions, temporalDelete } from "./transforms/temporalDelete.js";
export { type ApplyTransform, defineTransform, type Transform } from "./transforms/transform.js";
export type { ChooseView, Rectangle, View } from "./transforms/view.js";

export { ignoreWriteErrors } from "./brokenOutput.js";
export {
  type CheckpointOptions,
  type CheckpointParts,
  checkpoints,
  loadCheckpoint,
  type RunSettings,
  saveCheckpoint,
} from "./checkpoint.js";
export { type EventFile, type Histogram, openEventFile, type Png, type SummaryEvent } from "./eventFile.js";
export {
  type BatchProgress,
  type ConsoleProgressOptions,
  consoleProgress,
  type Progress,
  showProgress,
  silentProgress,
} from "./progress.js";
export { checkRunFolder, type RunFolderOptions } from "./runFolder.js";
export type { SeenData } from "./seenData.js";
export { type StopSignalCalls, type StopSignalOptions, type StopSignals, stopSignals } from "./stopSignals.js";
export { type TensorBoardOptions, tensorBoard } from "./tensorBoard.js";
export { type TrainOptions, type TrainResult, train } from "./train.js";

export { ignoreWriteErrors } from "./brokenOutput.js";
export {
  type CheckpointOptions,
  type CheckpointParts,
  checkpoints,
  loadCheckpoint,
  type RunSettings,
  saveCheckpoint,
} from "./checkpoint.js";
export { appendEvent, type ScalarEvent, startEventFile, tensorBoard } from "./eventFile.js";
export {
  type BatchProgress,
  type ConsoleProgressOptions,
  consoleProgress,
  type Progress,
  showProgress,
  silentProgress,
} from "./progress.js";
export { checkRunFolder, type RunFolderOptions } from "./runFolder.js";
export { type StopSignalCalls, type StopSignalOptions, type StopSignals, stopSignals } from "./stopSignals.js";
export { type TrainOptions, type TrainResult, train } from "./train.js";

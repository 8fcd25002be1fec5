export { choice, flag, integer, number, type OwnOption, type Range } from "./choices.js";
export { curves, spread } from "./compareReport.js";
export { type CompareRunsOptions, compareRuns } from "./compareRuns.js";
export { commit, type Environment, nativePackage, startBackend, versions } from "./environment.js";
export {
  type Chosen,
  type Claim,
  type ComparedResult,
  type ComparedRun,
  type Comparison,
  type DatasetDescription,
  defineExperiment,
  type Experiment,
  type ExperimentDataset,
  type FinishedRun,
  type Measures,
  type Preparation,
  type Sources,
} from "./experiment.js";
export { checkFolderKind, type FolderKind } from "./folderKinds.js";
export { type BuiltModel, familyOf, type NamedNeurons, type SurrogateName } from "./model.js";
export { boundedNeuronRate, type LossName, type OptimizerName, type ScheduleName } from "./optimization.js";
export { runExperiment } from "./runExperiment.js";
export type { Recipe, Settings } from "./settings.js";

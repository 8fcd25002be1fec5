export { csv } from "./csv.js";
export { type Energy, type EnergyOptions, energy, type OperationCosts, operationCosts } from "./energy.js";
export type { EpochRecord } from "./epochRecord.js";
export {
  type BlockRate,
  type FiringRateProbeOptions,
  type FiringRates,
  type FiringRatesOptions,
  firingRateProbe,
  firingRates,
  type LayerRate,
  type OfBlock,
} from "./firingRates.js";
export { type FrameStrip, type FrameStripOptions, frameStrip, type Picture } from "./frameStrip.js";
export {
  type BlockGradients,
  type GradientNorm,
  type GradientNormProbeOptions,
  type GradientNorms,
  type GradientNormsOptions,
  gradientNormProbe,
  gradientNorms,
} from "./gradientNorms.js";
export { type BarChartOptions, type Bars, barChart } from "./page/barChart.js";
export type { Figure } from "./page/figures.js";
export { type Content, type Html, html, trustedHtml } from "./page/html.js";
export { type Line, type LineChartOptions, lineChart, type Mark } from "./page/lineChart.js";
export { picture } from "./page/picture.js";
export { type Section, section, sideBySide } from "./page/section.js";
export { type SvgPicture, svgPicture } from "./page/svgPicture.js";
export { table } from "./page/table.js";
export {
  type Histogram,
  type PotentialProbeOptions,
  type PotentialsOptions,
  potentialProbe,
  potentials,
} from "./potentials.js";
export {
  type PredictedNorm,
  predictedNorms,
  type SlopeProduct,
  type Slopes,
  slopeProductNorm,
  slopesOf,
} from "./predictedNorms.js";
export {
  type Attached,
  attach,
  type Measured,
  type MeasureOptions,
  measure,
  type Probe,
  type Probes,
  type Recording,
  type Seen,
} from "./probe.js";
export type { Activity, ActivityNumbers, Readings } from "./readings.js";
export { type Report, report } from "./report.js";
export { type Confusion, confusionSection } from "./sections/confusionSection.js";
export { energySection } from "./sections/energySection.js";
export { firingRatesSection } from "./sections/firingRatesSection.js";
export { type MeasuresOptions, measuresSection } from "./sections/measuresSection.js";
export { type Sample, type SamplesOptions, samplesSection } from "./sections/samplesSection.js";
export { settingsRows, settingsSection } from "./sections/settingsSection.js";
export { type RunSummary, summaryFigures } from "./sections/summaryFigures.js";
export { synOpsSection } from "./sections/synOpsSection.js";
export { trainingSection } from "./sections/trainingSection.js";
export {
  type InputKind,
  type LayerOps,
  type SynOps,
  type SynOpsOptions,
  synOps,
  synOpsProbe,
  type TotalOps,
} from "./synOps.js";
export { writeReport } from "./writeReport.js";

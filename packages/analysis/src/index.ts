export type { EpochRecord } from "./epochRecord.js";
export {
  type BlockRate,
  type FiringRates,
  type FiringRatesOptions,
  firingRates,
  type LayerRate,
} from "./firingRates.js";
export { type FrameStrip, type FrameStripOptions, frameStrip, type Picture } from "./frameStrip.js";
export { type GradientNormsOptions, gradientNorms, gradientNormsPerSample } from "./gradientNorms.js";
export { type BarChartOptions, type Bars, barChart } from "./page/barChart.js";
export type { Figure } from "./page/figures.js";
export { type Content, type Html, html, trustedHtml } from "./page/html.js";
export { type Line, type LineChartOptions, lineChart, type Mark } from "./page/lineChart.js";
export { picture } from "./page/picture.js";
export { type Section, section, sideBySide } from "./page/section.js";
export { table } from "./page/table.js";
export { type Report, report } from "./report.js";
export { type Confusion, confusionSection } from "./sections/confusionSection.js";
export { firingRatesSection } from "./sections/firingRatesSection.js";
export { measuresSection } from "./sections/measuresSection.js";
export { type Sample, type SamplesOptions, samplesSection } from "./sections/samplesSection.js";
export { settingsRows, settingsSection } from "./sections/settingsSection.js";
export { type RunSummary, summaryFigures } from "./sections/summaryFigures.js";
export { trainingSection } from "./sections/trainingSection.js";
export { writeReport } from "./writeReport.js";

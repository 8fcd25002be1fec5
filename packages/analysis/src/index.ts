export { type EventFrameStrip, type EventFrameStripOptions, eventFrameStrip } from "./eventFrameStrip.js";
export {
  type BlockRate,
  type FiringRates,
  type FiringRatesOptions,
  firingRates,
  type LayerRate,
} from "./firingRates.js";
export { report } from "./report.js";
export type { EpochRecord, ReportConfusion, ReportData, ReportSample, ReportSummary } from "./reportData.js";
export { writeReport } from "./writeReport.js";

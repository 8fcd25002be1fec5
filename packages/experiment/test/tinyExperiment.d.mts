import type { Experiment } from "@sew/experiment";

export const tiny: Experiment<{ width: number; head: "notation" | "module"; loudLabels: boolean }>;

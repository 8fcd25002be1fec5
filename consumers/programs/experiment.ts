import { deepStrictEqual } from "node:assert";
import { type Experiment, integer, runExperiment } from "@sew/experiment";

const experiment: Experiment<{ width: number }> = {
  name: "empty",
  description: "Nothing to train on.",
  options: { width: integer("channels", { least: 1, default: 8 }) },
  datasets: { none: { title: "None", needsData: true, open: () => Promise.reject(new RangeError("none")) } },
  model: ({ width }) => `c${width}-BN-PLIF-FC2`,
};
runExperiment(experiment, ["--backend", "cpu", "--help"]).then((code) => deepStrictEqual(code, 0));

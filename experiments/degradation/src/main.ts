/** @file pnpm experiment degradation */
import { runExperiment } from "@sew/experiment";
import { degradation } from "./degradation.js";

process.exitCode = await runExperiment(degradation);

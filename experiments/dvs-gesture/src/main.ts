/** @file pnpm experiment dvs-gesture */
import { runExperiment } from "@sew/experiment";
import { gesture } from "./gesture.js";

process.exitCode = await runExperiment(gesture);

/** @file pnpm experiment imagenet */
import { runExperiment } from "@sew/experiment";
import { imagenet } from "./imagenet.js";

process.exitCode = await runExperiment(imagenet);

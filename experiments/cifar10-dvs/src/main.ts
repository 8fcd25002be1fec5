/** @file pnpm experiment cifar10-dvs */
import { runExperiment } from "@sew/experiment";
import { cifar10Dvs } from "./cifar10Dvs.js";

process.exitCode = await runExperiment(cifar10Dvs);

/** @file pnpm experiment cifar10 */
import { runExperiment } from "@sew/experiment";
import { cifar } from "./cifar.js";

process.exitCode = await runExperiment(cifar);

/** @file pnpm experiment firing-rates */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkFolderKind } from "@sew/experiment";
import { printable } from "@sew/kernels";
import { historyOf } from "./history.js";
import { measure } from "./measure.js";
import { parseOptions } from "./options.js";
import { type Measured, writeRates } from "./report.js";

const { runs, experiment, samples, out, overwrite, rest } = parseOptions(process.argv.slice(2));
try {
  checkFolderKind(out, "report on firing rates");
  if (!overwrite && existsSync(join(out, "report.html"))) {
    throw new RangeError(`--out: ${out} holds a report already; --overwrite replaces it, --out names another folder`);
  }
  const networks: Measured[] = [];
  const once = runs.filter((run, i) => runs.findIndex((other) => resolve(other) === resolve(run)) === i);
  for (const run of once) {
    networks.push({ ...(await measure({ run }, samples, rest)), history: await historyOf(run) });
  }
  if (experiment !== undefined) networks.push({ ...(await measure({ experiment }, samples, rest)), history: [] });
  await writeRates(out, networks);
  console.error(printable(`report: ${join(out, "report.html")}`));
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  process.exitCode = 1;
}

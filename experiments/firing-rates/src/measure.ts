/** @file The firing rates of a run, which its experiment measures in a process of its own. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EpochRecord } from "@sew/analysis";
import { closest } from "fastest-levenshtein";

/** The firing rates of a network. */
export interface NetworkRates {
  /** The folder of its run. @defaultValue none: weights by themselves */
  readonly run?: string;
  readonly experiment: string;
  readonly dataset: string;
  /** The name of its family on the command line. */
  readonly block: string;
  readonly notation: string;
  readonly weights: string;
  readonly samples: number;
  /** Which data these are of: test, validation or training. */
  readonly evaluatedOn: string;
  /** By the paths of the blocks, from the input on. */
  readonly firingRates: NonNullable<EpochRecord["firingRates"]>;
}

const experiments = fileURLToPath(new URL("../../../", import.meta.url));

/** The program of an experiment. */
function programOf(name: string): string {
  const main = join(experiments, name, "dist", "src", "main.js");
  if (existsSync(main)) return main;
  const names = readdirSync(experiments).filter((other) => existsSync(join(experiments, other, "package.json")));
  if (names.includes(name)) throw new RangeError(`firing-rates: ${name} must be built, got no ${main}; npm run build`);
  throw new RangeError(
    `firing-rates: the experiment must be one of ${names.join(", ")}, got ${JSON.stringify(name)}; did you mean ` +
      `${closest(name, names)}?`,
  );
}

/** The experiment that a folder holds a run of. */
async function experimentOf(run: string): Promise<string> {
  try {
    const { experiment } = JSON.parse(await readFile(join(run, "config.json"), "utf8")) as { experiment?: unknown };
    if (typeof experiment === "string") return experiment;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!(error instanceof SyntaxError) && !["ENOENT", "ENOTDIR"].includes(code)) throw error;
  }
  throw new RangeError(`firing-rates: RUN must be the folder of a run, got ${run}, which has no config.json of one`);
}

/**
 * Measures the rates of a run's best weights, or of those that `rest` names.
 *
 * @param of a run, or the name of an experiment
 * @param rest options of the experiment
 */
export async function measure(
  of: { readonly run: string } | { readonly experiment: string },
  samples: number,
  rest: readonly string[],
): Promise<NetworkRates> {
  const experiment = "run" in of ? await experimentOf(of.run) : of.experiment;
  const program = programOf(experiment);
  const folder = await mkdtemp(join(tmpdir(), "sew-firing-rates-"));
  const json = join(folder, "rates.json");
  const out = "run" in of ? ["--out", of.run] : [];
  const options = ["--evaluate", "--firing-rates", `${samples}`, ...out, "--json", json, ...rest];
  try {
    const child = spawn(process.execPath, [program, ...options], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = await new Promise<string | number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(signal ?? code ?? 1));
    });
    if (ended !== 0) {
      const what = "run" in of ? of.run : experiment;
      throw new RangeError(`firing-rates: ${what} cannot be measured: its process ended with ${ended}`);
    }
    const numbers = JSON.parse(await readFile(json, "utf8")) as NetworkRates;
    return { ...numbers, ...("run" in of && { run: of.run }) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What legends call each network: its block, and what sets it apart where several have that. */
export function namesOf(networks: readonly NetworkRates[]): string[] {
  const candidates: ((network: NetworkRates) => string | undefined)[] = [
    () => undefined,
    ({ notation, block }) => notation.replace(`${block} `, ""),
    ({ run, weights }) => basename(run ?? weights),
    ({ run, weights }) => run ?? weights,
  ];
  for (const apart of candidates) {
    const names = networks.map((network) =>
      [titleOf(network.block), apart(network)].filter((part) => part !== undefined).join(", "),
    );
    if (new Set(names).size === names.length) return names;
  }
  return networks.map(({ block }, i) => `${titleOf(block)}, ${i + 1}`);
}

/** `sew-add` as the paper writes it: SEW ADD. */
function titleOf(block: string): string {
  if (/^(sew|ann|rba)\b/.test(block)) return block.toUpperCase().replaceAll("-", " ");
  return block === "td-bn" ? block : `${block.charAt(0).toUpperCase()}${block.slice(1)}`;
}

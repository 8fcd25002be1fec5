/** @file pnpm conformance: holds this code against a folder of reference cases. */
import "@tensorflow/tfjs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { backendNames, useBackend } from "@sew/backends";
import { writeAtomic } from "@sew/files";
import { printable } from "@sew/kernels";
import { findBackendFactory } from "@tensorflow/tfjs-core";
import { Command, InvalidArgumentError, Option } from "commander";
import { closest, distance } from "fastest-levenshtein";
import { type CaseResult, conformance, findCases } from "./reference/conformance.js";

/** A name that `useBackend` takes. */
function backend(text: string): string {
  if (backendNames.some((name) => name === text) || findBackendFactory(text)) return text;
  const near = closest(text, [...backendNames]);
  const suggestion = distance(text, near) <= 3 ? ` Did you mean ${near}?` : "";
  throw new InvalidArgumentError(`It must be one of ${backendNames.join(", ")}.${suggestion}`);
}

/** Names in cases and files are another's: a terminal must not obey them. */
const say = (line: string): void => console.log(printable(line));

const program = new Command("pnpm conformance")
  .description(
    "Runs the reference cases of a folder (surrogates.json, neurons.json, blocks.json, networks.json) and says what " +
      "differs. The status is 0 when nothing does. packages/testing/fixtures/README.md describes the files.",
  )
  .argument("<DIR>", "folder of the cases")
  .addOption(
    new Option("--backend <name>", `what computes: ${backendNames.join(", ")}`).argParser(backend).default("native"),
  )
  .option("--filter <text>", "run only the cases whose name contains this")
  .option("--json <file>", "also write every result here")
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .showHelpAfterError("(--help lists the options)");
program.parse();
const [folder] = program.args as [string];
const { json, filter, ...wanted } = program.opts<{ backend: string; filter?: string; json?: string }>();

try {
  const { kinds, absent, ignored } = findCases(folder);
  for (const file of absent) say(`absent: ${file}`);
  for (const file of ignored) say(`ignored: ${file}, which is no file of cases`);
  const used = await useBackend(wanted.backend);
  say(`backend: ${used}`);
  const results: CaseResult[] = [];
  for (const result of conformance(folder, kinds, filter)) {
    results.push(result);
    say(`${result.passed ? "pass" : "FAIL"}  ${result.name}  (${result.seconds.toFixed(2)} s)`);
    for (const line of result.differences) say(`      ${line}`);
  }
  const failed = results.filter(({ passed }) => !passed).length;
  const passed = results.length - failed;
  if (json !== undefined) {
    const report = { folder, backend: used, absent, ignored, passed, failed, cases: results };
    await mkdir(dirname(json), { recursive: true });
    await writeAtomic(json, [Buffer.from(`${JSON.stringify(report, null, 2)}\n`)], "conformance");
  }
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  const { message, stack } = error as Error;
  console.error(printable(`error: ${process.env.DEBUG === undefined ? message : stack}`));
  process.exitCode = 1;
}

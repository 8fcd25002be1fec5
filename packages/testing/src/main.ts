/** @file pnpm conformance: holds this code against a folder of reference cases. */
import "@tensorflow/tfjs";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { backendNames, useBackend } from "@sew/backends";
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

/** Writes the whole file or none of it. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(unfinished, text);
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

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
  .showHelpAfterError("(--help lists the options)");
program.parse();
const [folder] = program.args as [string];
const { json, filter, ...wanted } = program.opts<{ backend: string; filter?: string; json?: string }>();

try {
  const { kinds, absent, ignored } = findCases(folder);
  for (const file of absent) console.log(`absent: ${file}`);
  for (const file of ignored) console.log(`ignored: ${file}, which is no file of cases`);
  const used = await useBackend(wanted.backend);
  console.log(`backend: ${used}`);
  const results: CaseResult[] = [];
  for (const result of conformance(folder, kinds, filter)) {
    results.push(result);
    console.log(`${result.passed ? "pass" : "FAIL"}  ${result.name}  (${result.seconds.toFixed(2)} s)`);
    for (const line of result.differences) console.log(`      ${line}`);
  }
  const failed = results.filter(({ passed }) => !passed).length;
  const passed = results.length - failed;
  if (json !== undefined) {
    const report = { folder, backend: used, absent, ignored, passed, failed, cases: results };
    writeWhole(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  console.error(`error: ${process.env.DEBUG === undefined ? (error as Error).message : (error as Error).stack}`);
  process.exitCode = 1;
}

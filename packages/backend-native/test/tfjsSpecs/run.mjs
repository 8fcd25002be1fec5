/**
 * @file Runs TensorFlow.js's own specs, which its packages contain, on the native backend: `node run.mjs [part of a name]`.
 *
 * Prints the totals. Exits with 1 on a failure that exceptions.mjs does not list, and where one of its list passes.
 */
import { createRequire, register } from "node:module";
import { exceptions } from "./exceptions.mjs";

register("./hooks.mjs", import.meta.url);
const [, , part = ""] = process.argv;

const jasmineRequire = createRequire(import.meta.url)("jasmine-core/lib/jasmine-core/jasmine.js");
const jasmine = jasmineRequire.core(jasmineRequire);
const specs = jasmine.getEnv({ suppressLoadErrors: true });
Object.assign(globalThis, jasmineRequire.interface(jasmine, specs), { jasmine });
specs.configure({ random: false, specFilter: (spec) => spec.getFullName().includes(part) });

await import("@tensorflow/tfjs-core/dist/register_all_gradients");
await import("@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops");
const { setTestEnvs } = await import("@tensorflow/tfjs-core/dist/jasmine_util");
const { registerNative } = await import("@sew/backend-native");
registerNative();
setTestEnvs([{ name: "native", backendName: "native", isDataSync: true }]);
await import("@tensorflow/tfjs-core/dist/tests");

const print = (line) => process.stdout.write(`${line}\n`);
// Specs of the profiler print.
for (const method of ["log", "info", "warn", "error"]) console[method] = () => {};

const counts = { passed: 0, failed: 0, listed: 0, excluded: 0 };
specs.addReporter({
  specDone({ status, fullName, failedExpectations }) {
    const listed = Object.hasOwn(exceptions, fullName);
    if (status === "passed" && !listed) counts.passed++;
    else if (status === "failed" && listed) counts.listed++;
    // By TensorFlow.js itself, or by `part`.
    else if (status === "excluded" || status === "pending") counts.excluded++;
    else {
      counts.failed++;
      print(`FAILED ${fullName}`);
      print(listed ? "  It passes, and must leave exceptions.mjs." : `  ${failedExpectations[0]?.message}`);
    }
  },
});
specs.execute(undefined, () => {
  const { passed, failed, listed, excluded } = counts;
  print(
    `TensorFlow.js's own specs on native: ${passed} passed, ${failed} failed, ` +
      `${listed} failed as listed in exceptions.mjs, ${excluded} excluded`,
  );
  process.exit(failed === 0 ? 0 : 1);
});

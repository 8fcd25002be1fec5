/** @file What vitest runs before every test file of a package with tensors: gradients and backends are registered. */
import "@tensorflow/tfjs";
import { env, ready, setBackend, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { applyEnvironment } from "../../packages/backend-native/dist/environment.js";
import { registerNative, setSpikeStorage } from "../../packages/backend-native/dist/index.js";
import { addBackend, unavailable } from "../../packages/kernels/dist/testing/index.js";

await setBackend("cpu");
await ready();
// The CPU backend greets its first tensor with an advertisement, except in what it takes for its own tests.
env().set("IS_TEST", true);
tensor1d([0]).dispose();
env().set("IS_TEST", false);

// scripts/tensorflow.mjs runs the suites on tensorflow or tensorflow-gpu. TensorFlow.js has one name for both.
const { SEW_TEST_BACKEND: tensorflow } = process.env;
if (tensorflow === undefined) {
  await addBackend({
    name: "native",
    register: registerNative,
    restoreDefaults: () => setSpikeStorage("auto"),
  });
  // Files before this one, in the same process, may have left other settings than those that scripts/matrix.mjs forces.
  if (unavailable("native") === undefined) applyEnvironment();
} else {
  // An example takes several times as long there, and the kernels are not ours: 25 instead of fast-check's 100.
  fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: 25 });
  await addBackend({
    name: "tensorflow",
    register: async () => {
      // Built by then; the tests of most packages run before it is.
      const { useBackend } = await import("../../packages/backends/dist/index.js");
      await useBackend(tensorflow);
    },
    flushesSubnormals: true,
  });
}

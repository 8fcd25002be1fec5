import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Operations of images `[n, 64, 64, 32]` whose outputs or scratch memory grow with n. */
const operations = [
  "tf.conv2d(image(n), tf.ones([3, 3, 32, 32]), 1, 'same')",
  "tf.conv2d(image(n), tf.ones([1, 1, 32, 64]), 1, 'same')",
  "kernel('Conv2DBackpropInput', { dy: image(n), filter: tf.ones([3, 3, 32, 32]) }, { ...convolution, inputShape: [n, 64, 64, 32] })",
  "kernel('Conv2DBackpropFilter', { x: image(n), dy: image(n) }, { ...convolution, filterShape: [3, 3, 32, 32] })",
  "kernel('MaxPoolGrad', { dy: tf.ones([n, 32, 32, 32]), input: image(n) }, { filterSize: 2, strides: 2, pad: 'valid' })",
  "batchNormTraining({ x: image(n), scale: tf.ones([32]), offset: tf.ones([32]) }, { epsilon: 1 })",
  "unroll(neuron(parametricLeaky), tf.reshape(image(n), [1, n, 64, 64, 32]))",
  "tf.matMul(tf.ones([4096, 2]), tf.ones([2, n * 256]))",
  // Of the cpu backend, with intermediate results.
  "tf.mean(image(n), [1, 3])",
  "tf.transpose(image(n))",
];

describeNative("without memory", () => {
  it.each(operations)("%s throws, and leaves none of its own behind", (operation) => {
    // Under a limit of address space, with more and more images until it fails, and once more with few.
    const program = `
      import "@tensorflow/tfjs";
      import { registerNative } from "@sew/backend-native";
      import { batchNormTraining } from "@sew/kernels";
      import { neuron, plif as parametricLeaky, unroll } from "@sew/neurons";
      import * as tf from "@tensorflow/tfjs-core";
      registerNative();
      await tf.setBackend("native");
      const convolution = { strides: 1, pad: "same", dataFormat: "NHWC" };
      const kernel = (name, inputs, attrs) => tf.engine().runKernel(name, inputs, attrs);
      const image = (n) => tf.fill([n, 64, 64, 32], 0.5);
      const run = (n) => tf.tidy(() => void ${operation});
      const used = () => { const { numTensors, numDataBuffers, liveBytes } = tf.memory(); return { numTensors, numDataBuffers, liveBytes }; };
      run(1);
      const before = used();
      const failures = [];
      for (let n = 128; failures.length < 2; n = Math.round(n * 1.6)) {
        try { run(n); } catch (error) { failures.push([error.name, error.message, used()]); }
      }
      run(1);
      console.log(JSON.stringify({ before, failures, after: used() }));`;
    const { status, stdout, stderr } = spawnSync(
      "sh",
      ["-c", 'ulimit -v 2000000; exec "$0" --input-type=module -e "$1"', process.execPath, program],
      { cwd: root, encoding: "utf8", env: { ...process.env, SEW_THREADS: "2" } },
    );
    expect(status, stderr).toBe(0);
    const { before, failures, after } = JSON.parse(stdout) as {
      before: object;
      failures: readonly [name: string, message: string, used: object][];
      after: object;
    };
    for (const [name, message, used] of failures) {
      expect([name, message]).toEqual([expect.stringMatching(/Error$/), expect.stringMatching(/memory|allocation/)]);
      expect(used).toEqual(before);
    }
    expect(after).toEqual(before);
  });
});

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";

const root = fileURLToPath(new URL("..", import.meta.url));

describeNative("threads", () => {
  it("that the system does not start take no part, and end no process", ({ skip }) => {
    if (spawnSync("prlimit", ["--version"]).status !== 0) skip("prlimit is not installed");
    // Address space for a few stacks more than there are, once everything is loaded.
    const program = `
      import { readFileSync } from "node:fs";
      import { execFileSync } from "node:child_process";
      import { registerNative, setThreads, threads } from "@sew/backend-native";
      import * as tf from "@tensorflow/tfjs-core";
      registerNative();
      await tf.setBackend("native");
      const convolution = () => tf.conv2d(tf.ones([32, 16, 16, 32]), tf.ones([3, 3, 32, 32]), 1, "same").dataSync();
      setThreads(1);
      const one = convolution();
      const [, kilobytes] = /VmSize:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
      const limit = Number(kilobytes) * 1024 + 2 ** 27;
      execFileSync("prlimit", ["--pid", String(process.pid), "--as=" + limit]);
      setThreads(256);
      const many = convolution();
      console.log(JSON.stringify([threads() > 1 && threads() < 256, many.every((value, i) => value === one[i])]));`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: root,
      encoding: "utf8",
    });
    expect([status, stdout.trim()], stderr).toEqual([0, "[true,true]"]);
  });
});

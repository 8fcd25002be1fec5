import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setThreads, threads } from "@sew/backend-native";
import { expect, it } from "vitest";
import { runNative } from "../src/addon.js";
import { cores } from "../src/cores.js";
import { describeNative } from "./describeNative.js";

const root = fileURLToPath(new URL("..", import.meta.url));

describeNative("threads", () => {
  it("that the system does not start take no part, with a warning, and end no process", ({ skip }) => {
    if (spawnSync("prlimit", ["--version"]).status !== 0) skip("prlimit is not installed");
    if (process.env.SEW_SANITIZER !== undefined) skip("a sanitizer takes address space of its own");
    const wanted = Math.min(cores() + 4, 256);
    // While they are started there is address space for the stacks of some more.
    const program = (megabytes: number) => `
      import { readFileSync } from "node:fs";
      import { execFileSync } from "node:child_process";
      import { registerNative, setThreads, threads } from "@sew/backend-native";
      import * as tf from "@tensorflow/tfjs-core";
      registerNative();
      await tf.setBackend("native");
      const convolution = () => tf.conv2d(tf.ones([32, 16, 16, 32]), tf.ones([3, 3, 32, 32]), 1, "same").dataSync();
      setThreads(1);
      const one = convolution();
      const limit = (bytes) => execFileSync("prlimit", ["--pid", String(process.pid), "--as=" + bytes + ":"]);
      const [, kilobytes] = /VmSize:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
      limit(Number(kilobytes) * 1024 + ${megabytes} * 2 ** 20);
      setThreads(256);
      limit("unlimited");
      const many = convolution();
      console.log(JSON.stringify([threads(), many.every((value, i) => value === one[i])]));`;
    const run = (megabytes: number) => {
      const argv = ["--input-type=module", "-e", program(megabytes)];
      const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: root, encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const [started, same] = JSON.parse(stdout) as [number, boolean];
      expect(same).toBe(true);
      return { started, stderr };
    };
    let { started, stderr } = run(2.5);
    // Where the garbage collector has just released enough for all of them, there was no limit to notice.
    for (const megabytes of [2, 1.5, 1, 0.5, 0, -0.5, -1])
      if (started === wanted) ({ started, stderr } = run(megabytes));
    expect(started).toBeLessThan(wanted);
    expect(stderr).toBe(
      `@sew/backend-native: the system has started ${started} of ${wanted} threads, and kernels use these. Raise its limit ` +
        "of processes (ulimit -u) or of address space (ulimit -v), or set SEW_THREADS to fewer.\n",
    );
  });

  it("compute each task once, whatever their number was before", () => {
    const before = threads();
    const [x, y] = [new Float32Array(2 ** 20).fill(2), new Float32Array(2 ** 20)];
    for (let round = 0; round < 200; round++) {
      setThreads([1, 2, 5, 3][round % 4]!);
      y.fill(0);
      runNative("unary", [2, 2 ** 20 - 17 * round, 0], x, y);
      expect(y.findIndex((value) => value !== 4)).toBe(round === 0 ? -1 : 2 ** 20 - 17 * round);
    }
    setThreads(before);
  });
});

/** What {@link cores} finds with these files. */
const coresWith = (files: Readonly<Record<string, string>>, available = 64) => cores(available, (file) => files[file]);

it("count the cores of a container with a quota of processor time, at any level, and at least one", () => {
  const own = { "/proc/self/cgroup": "0::/pod/box\n" };
  const max = (group: string, quota: string) => ({ [`/sys/fs/cgroup${group}/cpu.max`]: `${quota} 100000\n` });
  expect(coresWith({})).toBe(64);
  expect(coresWith(own)).toBe(64);
  expect(coresWith({ ...own, ...max("/pod/box", "max") })).toBe(64);
  expect(coresWith({ ...own, ...max("/pod/box", "250000") })).toBe(2);
  expect(coresWith({ ...own, ...max("/pod/box", "1600000"), ...max("/pod", "400000"), ...max("", "max") })).toBe(4);
  expect(coresWith({ ...own, ...max("/pod/box", "50000") })).toBe(1);
  expect(coresWith({ ...own, ...max("/pod/box", "800000") }, 2)).toBe(2);
});

it("count them with version 1 of control groups, too", () => {
  const own = { "/proc/self/cgroup": "5:memory:/a\n3:cpu,cpuacct:/docker/b\n1:name=systemd:/c\n" };
  const quota = (group: string, us: string) => ({
    [`/sys/fs/cgroup/cpu${group}/cpu.cfs_quota_us`]: `${us}\n`,
    [`/sys/fs/cgroup/cpu${group}/cpu.cfs_period_us`]: "50000\n",
  });
  expect(coresWith({ ...own, ...quota("/docker/b", "-1") })).toBe(64);
  expect(coresWith({ ...own, ...quota("/docker/b", "150000") })).toBe(3);
  // Inside a container its group is the root.
  expect(coresWith({ ...own, ...quota("", "100000") })).toBe(2);
});

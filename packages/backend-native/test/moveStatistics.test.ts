import { read } from "@sew/kernels/testing";
import { batchNorm } from "@sew/layers";
import { clone, memory, setBackend, type Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats } from "./values.js";

const channels = 40;
const drawn = (seed: number): Tensor => tensor(floats([channels], seed, "reals").data as Float32Array);

describeNative("running statistics", () => {
  const moved = (updates: number) => {
    const norm = batchNorm(channels, { momentum: 0.3 });
    for (let i = 0; i < updates; i++) tidy(() => norm.update(drawn(i), drawn(100 + i), 7));
    return norm.buffers;
  };

  it("are those of the composed operations, bit for bit", async () => {
    const values = () => tidy(() => Object.values(moved(5)).map(read));
    const fused = values();
    await setBackend("cpu");
    const composed = values();
    await setBackend("native");
    expect(fused).toEqual(composed);
  });

  it("move where they are, without new memory, and leave clones as they were", () => {
    const norm = batchNorm(channels);
    const update = (seed: number) => tidy(() => norm.update(drawn(seed), drawn(seed + 1), 7));
    update(1);
    const { runningMean } = norm.buffers;
    const { dataId } = runningMean;
    const before = memory();
    update(3);
    expect(runningMean.dataId).toBe(dataId);
    expect(memory()).toEqual(before);
    const [copy, values] = [clone(runningMean), read(runningMean)];
    update(5);
    expect(read(copy)).toEqual(values);
    expect(read(runningMean)).not.toEqual(values);
    copy.dispose();
  });
});

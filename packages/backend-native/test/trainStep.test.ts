import { type NativeMemory, setThreads, threads } from "@sew/backend-native";
import { expectClose, read } from "@sew/kernels/testing";
import { disposeModule, evaluation, type Module, namedBuffers, namedParameters, run } from "@sew/layers";
import { network } from "@sew/models";
import {
  keep,
  logSoftmax,
  mean,
  memory,
  mul,
  type NamedTensorMap,
  neg,
  oneHot,
  type Scalar,
  setBackend,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  train,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { afterAll, expect, it } from "vitest";
import { describeNative, withThreads } from "./describeNative.js";
import { floats } from "./values.js";

const [steps, batch, side, classes] = [4, 3, 16, 5];

/** One width after another, so that there are convolutions of several widths; an odd number of channels fills no vector. */
const makeNet = () =>
  network(`c6-BN-PLIF-SEW-MPk2-c17-BN-PLIF-SEW-MPk2-FC${classes}`, { height: side, width: side, seed: 3 });

const frames = (seed: number) => {
  const { shape, data } = floats([steps, batch, side, side, 2], seed, "reals");
  return tensor(
    (data as Float32Array).map((v) => (v > 0.9 ? 1 : 0)),
    [...shape],
  );
};

/** Mean cross entropy of the class scores' mean over time. */
const loss = (scores: Tensor) =>
  neg(mean(mul(oneHot(tensor1d([0, 3, 4], "int32"), classes), logSoftmax(mean(scores, 0))))) as Scalar;

/** Gradients as the optimiser takes them. */
const named = (grads: NamedTensorMap) => Object.entries(grads).map(([name, tensor]) => ({ name, tensor }));

interface Trained {
  readonly losses: number[];
  readonly gradients: number[][];
  readonly weights: number[][];
  readonly scores: number[];
}

/** Two steps of SGD with momentum, and what they led to. */
function trained(net: Module): Trained {
  const optimizer = train.momentum(0.1, 0.9);
  const variables = [...namedParameters(net).values()];
  const losses: number[] = [];
  const gradients: number[][] = [];
  for (let i = 0; i < 2; i++) {
    tidy(() => {
      const x = keep(frames(i));
      const { value, grads } = variableGrads(() => loss(run(net, x, { training: true, seed: i })), variables);
      optimizer.applyGradients(named(grads));
      losses.push(...read(value));
      gradients.push(...Object.values(grads).map(read));
      x.dispose();
    });
  }
  optimizer.dispose();
  const scores = tidy(() => read(run(net, frames(9), evaluation)));
  const weights = [...variables, ...namedBuffers(net).values()].map(read);
  disposeModule(net);
  return { losses, gradients, weights, scores };
}

describeNative("training a small event net", () => {
  const before = threads();
  afterAll(() => setThreads(before));

  it("gives the same bits on 1, 2 and 5 threads, and from run to run", () => {
    const [first, ...others] = [1, 2, 5, 2].map((count) => {
      setThreads(count);
      return trained(makeNet());
    });
    expect(first!.losses.every(Number.isFinite)).toBe(true);
    expect(first!.gradients.flat().some((g) => g !== 0)).toBe(true);
    for (const other of others) expect(other).toEqual(first);
  });

  it("starts with the loss and the gradients that the cpu backend has", async () => {
    const start = () => {
      const net = makeNet();
      const found = tidy(() => {
        const x = frames(0);
        const { value, grads } = variableGrads(
          () => loss(run(net, x, { training: true, seed: 0 })),
          [...namedParameters(net).values()],
        );
        return [value, ...Object.values(grads)].map(read);
      });
      disposeModule(net);
      return found;
    };
    const native = start();
    await setBackend("cpu");
    const cpu = start();
    await setBackend("native");
    expect(native.length).toBe(cpu.length);
    for (const [i, found] of native.entries()) {
      // Every spike is the same here; a rounding error passes some ten layers, each with sums over 3072 pixels.
      const most = Math.max(...cpu[i]!.map(Math.abs));
      expectClose(found, cpu[i]!, { relative: 1e-4, absolute: 1e-4 * most });
    }
  });

  it("keeps nothing from step to step, and asks the system for no memory after the third", () => {
    const net = makeNet();
    const variables = [...namedParameters(net).values()];
    const optimizer = train.momentum(0.1, 0.9);
    const step = (i: number) => {
      tidy(() => {
        const { grads } = variableGrads(() => loss(run(net, frames(i), { training: true, seed: i })), variables);
        optimizer.applyGradients(named(grads));
      });
      const { numTensors, liveBytes, allocations, scratchBytes } = memory() as unknown as NativeMemory & {
        numTensors: number;
      };
      return { numTensors, liveBytes, allocations, scratchBytes };
    };
    // On several threads chance decides which of them has its first task of a kernel, and takes scratch memory, in which step.
    const states = withThreads(1, () => Array.from({ length: 8 }, (_, i) => step(i)));
    for (const state of states.slice(3)) expect(state).toEqual(states[2]);
    optimizer.dispose();
    disposeModule(net);
  });
});

import type { NativeBackend } from "@sew/backend-native";
import { setSpikeStorage } from "@sew/backend-native";
import { expectClose, read, scoped } from "@sew/kernels/testing";
import { integrateAndFire, neuron, unroll } from "@sew/neurons";
import {
  add,
  backend,
  depthwiseConv2d,
  grads,
  mul,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats } from "./values.js";

type Shape4 = [number, number, number, number];
const drawn = (shape: Shape4, seed: number) => tensor(floats(shape, seed, "reals").data as Float32Array, shape);

/** Spikes of two images of 32 channels, as bits, and their sum with themselves, as counts. */
const bits = () => unroll(neuron(integrateAndFire), drawn([2, 5, 4, 32], 1)).spikes as Tensor4D;
const stored = { bits, counts: () => add(bits(), bits()) as Tensor4D };

/** `∂ sum(dy · y) / ∂ input[i]` by central differences. y is linear in each input: a step of 1/2 is as good as a small one. */
function difference(of: (input: Tensor) => Tensor, input: Tensor, i: number): number {
  const at = (step: number) => {
    const values = read(input);
    values[i]! += step;
    return read(of(tensor(values, input.shape)))[0]!;
  };
  return at(0.5) - at(-0.5);
}

describeNative("depthwise convolution of stored spikes, which the cpu backend's kernels compute", () => {
  beforeAll(() => setSpikeStorage("auto"));

  it.each(["bits", "counts"] as const)("has the results and both gradients of the definition: %s", (kind) =>
    scoped(() => {
      const x = stored[kind]();
      expect((backend() as NativeBackend).spikes(x)?.kind).toBe(kind);
      const dense = tensor(read(x), x.shape) as Tensor4D;
      const filter = drawn([3, 3, 32, 1], 2) as Tensor4D;
      const dy = drawn([2, 5, 4, 32], 3);
      const convolve = (images: Tensor, weights: Tensor) =>
        depthwiseConv2d(images as Tensor4D, weights as Tensor4D, 1, "same");
      const loss = (images: Tensor, weights: Tensor) => sum(mul(dy, convolve(images, weights)));

      expectClose(convolve(x, filter), convolve(dense, filter));
      const [dx, dFilter] = grads(loss)([x, filter]).map(read);
      for (const i of [0, 31, 32, 700, 1279]) {
        expectClose([dx![i]!], [difference((images) => loss(images, filter), dense, i)], {
          relative: 1e-3,
          absolute: 1e-3,
        });
      }
      for (const i of [0, 31, 32, 150, 287]) {
        expectClose([dFilter![i]!], [difference((weights) => loss(dense, weights), filter, i)], {
          relative: 1e-3,
          absolute: 1e-3,
        });
      }
    }),
  );
});

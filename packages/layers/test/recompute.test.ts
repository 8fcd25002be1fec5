import { describeBackends, imageShapes, read, scoped, spikesOf, unavailable, useDefaults } from "@sew/kernels/testing";
import {
  batchNorm,
  conv2d,
  convNorm,
  convNormNeuron,
  disposeModule,
  dropout,
  evaluation,
  linear,
  type Module,
  namedParameters,
  neuronLayer,
  neurons,
  recomputed,
  recomputing,
  relus,
  run,
  sequential,
  tdNorms,
} from "@sew/layers";
import { describeModule, expectRecomputes, neuronLayers, spikesOfShape } from "@sew/layers/testing";
import { composed, integrateAndFire, plif } from "@sew/neurons";
import { random } from "@sew/random";
import {
  add,
  dispose,
  grad,
  memory,
  mul,
  ones,
  type Scalar,
  scalar,
  square,
  sum,
  type Tensor,
  tensor,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b);

describeModule("recomputed", {
  make: () =>
    recomputed(
      sequential({
        unit: convNormNeuron(2, 3, neurons(plif), { stride: 2 }),
        dropout: dropout(0.3, { random: random(9) }),
      }),
    ),
  input: [3, 2, 6, 4, 2],
  output: [3, 2, 3, 2, 3],
  timeless: false,
});

describeBackends("recompute", () => {
  const drawn = imageShapes(2, 4)
    // In training a batch norm needs 2 values of each channel after the stride.
    .filter(([t, n, h, w]) => t * n * h * w > 4)
    .chain((shape) => spikesOf(size(shape)).map((values) => ({ shape, values })));

  it("changes nothing in a conv-norm-neuron unit, for every neuron", () =>
    fc.assert(
      fc.property(neuronLayers, drawn, fc.constantFrom(1, 2), ({ neurons }, { shape, values }, stride) =>
        scoped(() => {
          const options = { stride, norm: tdNorms({ vThreshold: 0.5 }) };
          const make = (recompute: boolean) =>
            convNormNeuron(2, 3, neurons, { ...options, recompute, random: random(1) });
          expectRecomputes(make, tensor(values, shape));
        }),
      ),
      { numRuns: 30 },
    ));

  it("changes nothing without fused kernels, without a norm, and without neurons", () =>
    scoped(() => {
      const x = spikesOfShape([3, 2, 5, 4, 2]);
      const units: ((recompute: boolean) => Module)[] = [
        (recompute) => {
          const { neuron, parameters } = neurons(plif)(1);
          return convNormNeuron(2, 3, () => neuronLayer(composed(neuron), parameters), { recompute });
        },
        (recompute) => convNormNeuron(2, 3, relus(), { recompute }),
        (recompute) => convNorm(2, 3, { recompute }),
        (recompute) => {
          const layers = sequential({
            conv: conv2d(2, 3, { bias: true }),
            neurons: neurons(integrateAndFire)(1),
            drop: dropout(0.4, { random: random(9) }),
          });
          return recompute ? recomputed(layers) : layers;
        },
      ];
      for (const make of units) expectRecomputes(make, x);
    }));

  it("changes nothing where a stretch is inside another", () =>
    scoped(() => {
      const make = (recompute: boolean) => {
        const layers = sequential({
          a: convNormNeuron(2, 3, neurons(plif), { recompute, random: random(1) }),
          b: convNormNeuron(3, 2, neurons(plif), { recompute, random: random(2) }),
        });
        return recompute ? recomputed(layers) : layers;
      };
      expectRecomputes(make, spikesOfShape([3, 2, 5, 4, 2]));
    }));

  it("takes several inputs, one of them twice, and parameters that parts share", () => {
    const shared = linear(2, 3, { random: random(3) });
    const both = ([x, y]: readonly [Tensor, Tensor]) =>
      square(add(shared.forward(x, evaluation), shared.forward(y, evaluation)));
    const again = recomputing([shared, sequential({ shared })], both);
    const [a, b] = [variable(ones([2, 1, 2])), variable(mul(ones([2, 1, 2]), 0.5))];
    const variables = [a, b, ...namedParameters(shared).values()];
    for (const inputs of [[a, b] as const, [a, a] as const]) {
      const gradients = (f: (inputs: readonly [Tensor, Tensor]) => Tensor) => {
        const { value, grads } = variableGrads(() => sum(f(inputs)), variables);
        const numbers = [value, ...variables.map(({ name }) => grads[name])].map((t) => t && read(t));
        dispose([value, grads]);
        return numbers;
      };
      expect(gradients((inputs) => again(inputs, evaluation))).toEqual(gradients(both));
    }
    dispose(variables);
  });

  it("has second derivatives", () =>
    scoped(() => {
      const cube = recomputed<Module>({ forward: (x) => mul(x, square(x)) });
      const second = grad((x: Tensor) => grad((x: Tensor) => sum(cube.forward(x, evaluation)))(x));
      expect(second(scalar(3)).dataSync()[0]).toBe(18);
    }));

  it("runs a part anew on the way back, and one time only where the input's gradient is not wanted", () => {
    let runs = 0;
    const weight = variable(scalar(2));
    const part = recomputed<Module>({
      parameters: { weight },
      forward: (x) => {
        runs++;
        return mul(x, weight);
      },
    });
    const x = scalar(3);
    const { value, grads } = variableGrads(() => sum(part.forward(x, evaluation)), [weight]);
    expect([read(grads[weight.name]!), runs]).toEqual([[3], 2]);
    dispose([value, grads, x, weight]);
  });

  it("moves running statistics no further when a part fails on the way back", () => {
    const norm = batchNorm(1);
    let fails = false;
    const part = recomputed<Module>({
      children: { norm },
      forward: (x, context) => {
        const y = run(norm, x, context);
        if (fails) throw new RangeError("no more");
        return y;
      },
    });
    const x = tensor([1, 3], [2, 1]);
    const there = () => {
      const y = sum<Scalar>(part.forward(x, { training: true }));
      fails = true;
      return y;
    };
    expect(() => variableGrads(there, Object.values(norm.parameters))).toThrow("no more");
    expect(read(norm.buffers.runningMean)[0]).toBeCloseTo(0.2);
    disposeModule(norm);
    x.dispose();
  });
});

describe("what a unit holds for the way back", () => {
  it("is spikes alone when it recomputes: no float32 tensor as large as a convolution's output", async ({ skip }) => {
    if (unavailable("native") !== undefined) return skip(unavailable("native"));
    await useDefaults("native");
    const shape = [4, 1, 16, 16, 2];
    const float32 = 4 * (size(shape) / 2) * 32;
    const liveBytes = () => (memory() as unknown as { liveBytes: number }).liveBytes;
    const held = (recompute: boolean): number => {
      const unit = convNormNeuron(2, 32, neurons(plif), { recompute });
      const x = spikesOfShape(shape);
      const variables = [...namedParameters(unit).values()];
      let bytes = 0;
      const f = () => {
        const before = liveBytes();
        const y = run(unit, x, { training: true });
        bytes = liveBytes() - before;
        return sum<Scalar>(y);
      };
      const { value, grads } = variableGrads(f, variables);
      dispose([value, grads, x, ...variables]);
      return bytes;
    };
    expect(held(false)).toBeGreaterThan(float32);
    expect(held(true)).toBeLessThan(float32 / 16);
  });
});

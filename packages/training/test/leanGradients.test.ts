import { add as addSpikes, and, iand, plainBlock, sewBlock, spikingBlock } from "@sew/blocks";
import { scoped } from "@sew/kernels/testing";
import { disposeModule, type Module, type NeuronFactory, namedParameters, neurons } from "@sew/layers";
import { integrateAndFire, plif } from "@sew/neurons";
import { random } from "@sew/random";
import { leanGradients } from "@sew/training";
import {
  add,
  addN,
  concat,
  customGrad,
  dispose,
  type GradSaveFunc,
  grad,
  keep,
  matMul,
  memory,
  mul,
  relu,
  type Scalar,
  scalar,
  sigmoid,
  split,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tanh,
  tensor,
  tidy,
  type Variable,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** y = a + b whose gradient is the very tensor it was given, twice. */
const sameTwice = customGrad((...inputs) => {
  const [a, b] = inputs as [Tensor, Tensor, GradSaveFunc];
  return { value: add(a, b), gradFunc: (dy: Tensor) => [dy, dy] };
});

/** y = x, with a call of `see` on the way back. */
function watch(x: Tensor, see: (dy: Tensor) => void): Tensor {
  return customGrad((...inputs) => ({
    value: mul(inputs[0] as Tensor, 1),
    gradFunc: (dy: Tensor) => {
      see(dy);
      return dy;
    },
  }))(x);
}

/** Ops on a stack of 2x2 matrices: each takes the values so far and the variables, and gives the next value. */
type Op = (seen: readonly Tensor[], w: Tensor) => Tensor;
const pick = (seen: readonly Tensor[], i: number): Tensor => seen[i % seen.length]!;
const op: fc.Arbitrary<Op> = fc.tuple(fc.nat(11), fc.nat(100), fc.nat(100)).map(([kind, i, j]): Op => {
  return (seen, w) => {
    const [a, b] = [pick(seen, i), pick(seen, j)];
    switch (kind) {
      case 0:
        return add(tanh(a), a);
      case 1:
        return mul(a, a);
      case 2:
        return matMul(a as Tensor2D, w as Tensor2D);
      case 3:
        return addN([a, b, a]);
      case 4:
        return sameTwice(a, b);
      case 5:
        return sameTwice(a, a);
      case 6:
        return mul(a, w);
      case 7:
        return sub(a, relu(b));
      case 8:
        return sigmoid(b);
      case 9:
        return split(concat([a, b], 0), 2, 0)[1]!;
      case 10:
        return split(concat([a, mul(b, w)], 1), 2, 1)[0]!;
      default:
        return tidy(() => add(square(tanh(a)), w));
    }
  };
});

const networks = fc.record({
  ops: fc.array(op, { minLength: 1, maxLength: 12 }),
  values: fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
});

/** The loss and every gradient as plain numbers, and how many tensors were left behind. */
function results(gradients: typeof leanGradients, f: () => Scalar, variables: Variable[]) {
  const before = memory().numTensors;
  const { value, grads } = gradients(f, variables);
  const numbers = [value, ...variables.map((v) => grads[v.name])].map((t) => t && [...t.dataSync()]);
  const wanted = 1 + Object.keys(grads).length;
  const left = memory().numTensors - before - wanted;
  dispose([value, grads]);
  return { numbers, left };
}

const plain: typeof leanGradients = (f, variables) => variableGrads(f, [...variables]);

describe("leanGradients", () => {
  it("has the values and gradients of variableGrads, bit for bit, for random networks", () =>
    fc.assert(
      fc.property(networks, ({ ops, values }) => {
        const variables = [0, 4, 8].map((i) => variable(tensor(values.slice(i, i + 4), [2, 2])));
        const f = (): Scalar => {
          const seen: Tensor[] = [variables[0]!, variables[1]!];
          for (const [i, next] of ops.entries()) seen.push(next(seen, variables[i % 3]!));
          return sum(addN(seen)) as Scalar;
        };
        const expected = results(plain, f, variables);
        expect(results(leanGradients, f, variables)).toEqual(expected);
        expect(expected.left).toBe(0);
        dispose(variables);
      }),
      { numRuns: 300 },
    ));

  const blocks: [string, (neurons: NeuronFactory) => Module][] = [
    ["SEW ADD", (neurons) => sewBlock(addSpikes, { channels: 2, neurons, random: random(1) })],
    ["SEW AND", (neurons) => sewBlock(and, { channels: 2, neurons, random: random(2) })],
    ["SEW IAND", (neurons) => sewBlock(iand, { channels: 2, neurons, random: random(3) })],
    ["Spiking", (neurons) => spikingBlock({ channels: 2, neurons, random: random(4) })],
    ["Plain", (neurons) => plainBlock({ channels: 2, neurons, random: random(5) })],
  ];
  it.each(blocks)("has the gradients of variableGrads for two %s blocks", (_, make) => {
    for (const factory of [neurons(integrateAndFire), neurons(plif, { detachReset: false })]) {
      const [first, second] = [make(factory), make(factory)];
      const draw = random(7);
      const x = tensor(
        Float32Array.from({ length: 3 * 2 * 5 * 5 * 2 }, () => Math.round(draw.uniform())),
        [3, 2, 5, 5, 2],
      );
      const f = (): Scalar =>
        sum(square(second.forward(first.forward(x, { training: true }), { training: true }))) as Scalar;
      const variables = [...namedParameters(first).values(), ...namedParameters(second).values()];
      const expected = results(plain, f, variables);
      expect(results(leanGradients, f, variables)).toEqual(expected);
      expect(expected.left).toBe(0);
      for (const block of [first, second]) disposeModule(block);
      x.dispose();
    }
  });

  it("holds less on the way back: for a deep chain, little more than the activations themselves", () => {
    const w = variable(
      tensor(
        Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i) / 8),
        [64, 64],
      ),
    );
    const peak = (gradients: typeof leanGradients): number => {
      let most = 0;
      const f = (): Scalar => {
        let y: Tensor = w;
        for (let i = 0; i < 40; i++) {
          y = watch(add(tanh(matMul(y as Tensor2D, w as unknown as Tensor2D)), y), () => {
            most = Math.max(most, memory().numBytes);
          });
        }
        return sum(y) as Scalar;
      };
      const before = memory().numBytes;
      dispose(Object.values(gradients(f, [w])));
      return most - before;
    };
    // Every gradient is as large as an activation, of which each link saves 5.
    expect(peak(leanGradients)).toBeLessThan(0.6 * peak(plain));
    w.dispose();
  });

  it("is right where an op returns its dy for two inputs and one gets more, which variableGrads is not", () => {
    const w = variable(scalar(2));
    const f = (): Scalar => {
      const [a, b] = [mul(w, 3), mul(w, 5)];
      const c = square(a);
      return add(mul(sameTwice(a, b), 7), c) as Scalar;
    };
    expect(() => variableGrads(f, [w])).toThrow();
    const { value, grads } = leanGradients(f, [w]);
    expect([value, grads[w.name]!].map((t) => t.dataSync()[0])).toEqual([148, 92]);
    dispose([value, grads, w]);
  });

  it("never frees what was kept", () => {
    const w = variable(scalar(2));
    let kept: Tensor | undefined;
    const f = (): Scalar =>
      square(
        watch(mul(w, 3), (dy) => {
          kept = keep(dy);
        }),
      ) as Scalar;
    const { value, grads } = leanGradients(f, [w]);
    expect([value, grads[w.name]!, kept!].map((t) => t.dataSync()[0])).toEqual([36, 36, 12]);
    dispose([value, grads, kept!, w]);
  });

  it("leaves alone the tape of a gradient around it", () =>
    scoped(() => {
      const w = variable(scalar(3));
      const outer = grad((x: Tensor) => {
        const { grads } = leanGradients(() => mul(square(w), x) as Scalar, [w]);
        return grads[w.name]!;
      });
      expect(outer(scalar(5)).dataSync()[0]).toBe(6);
      w.dispose();
    }));
});

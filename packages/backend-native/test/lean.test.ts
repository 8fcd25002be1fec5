import { read } from "@sew/kernels/testing";
import {
  type Activation,
  batchNorm,
  disposeModule,
  namedParameters,
  neurons,
  normNeuron,
  parallelNeurons,
  run,
} from "@sew/layers";
import { network } from "@sew/models";
import { plif, psn } from "@sew/neurons";
import { leanGradients } from "@sew/training";
import {
  customGrad,
  keep,
  mul,
  type Scalar,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  type Variable,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { floats } from "./values.js";

const plain: typeof leanGradients = (f, variables) => variableGrads(f, [...variables]);
const drawn = (shape: number[], seed: number) => tensor(floats(shape, seed, "reals").data as Float32Array, shape);

/** The loss and all gradients. */
const numbers = (gradients: typeof leanGradients, f: () => Scalar, variables: Variable[]) =>
  tidy(() => {
    const { value, grads } = gradients(f, variables);
    return [value, ...variables.map(({ name }) => grads[name]!)].map(read);
  });

/** y = x, which calls `see` in the backward pass. */
const watch = (x: Tensor, see: (dy: Tensor) => void): Tensor =>
  customGrad((...inputs) => ({
    value: mul(inputs[0] as Tensor, 1),
    gradFunc: (dy: Tensor) => {
      see(dy);
      return dy;
    },
  }))(x);

/** Layers of neurons for 3 time-steps of 32 channels. */
const layers: Readonly<Record<string, () => Activation>> = {
  PLIF: () => neurons(plif, { vThreshold: 0.5 })(32),
  PSN: () => parallelNeurons(psn, { steps: 3 })(32),
};

/** Batch norm and neurons, whose gradient `behind` sees, as `before` sees that of their input. */
function unit(neuron: string, behind: (dSpikes: Tensor) => void, before: (dx: Tensor) => void) {
  const [norm, layer, shape] = [batchNorm(32), layers[neuron]!(), [3, 2, 32]];
  const x = tidy(() => variable(drawn(shape, 1)));
  const f = () => {
    const spikes = normNeuron(norm, layer, watch(x, before), { training: true });
    return sum(mul(watch(spikes, behind), drawn(shape, 2))) as Scalar;
  };
  const variables = [x, ...[norm, layer].flatMap((module) => [...namedParameters(module).values()])];
  const disposeAll = () => [norm, layer, { parameters: { x }, forward: (y: Tensor) => y }].forEach(disposeModule);
  return { f, variables, disposeAll };
}

describeNative("leanGradients", () => {
  const blocks = ["SEW ADD", "SEW AND", "SEW IAND", "Spiking", "Plain"];
  it.each(blocks.flatMap((block) => [false, true].map((recompute) => ({ block, recompute }))))(
    "has the gradients of variableGrads, bit for bit: $block, recompute $recompute",
    ({ block, recompute }) => {
      const notation = `c32k3s1-BN-PLIF-${block}-MPk2s2-c17k3s1-BN-PLIF-${block}-FC5`;
      const net = network(notation, { height: 16, width: 16, seed: 3, recompute });
      const x = drawn([4, 2, 16, 16, 2], 0);
      const f = () => sum(square(run(net, x, { training: true, seed: 0 }))) as Scalar;
      const variables = [...namedParameters(net).values()];
      const expected = numbers(plain, f, variables);
      expect(expected.flat().filter((g) => g !== 0).length).toBeGreaterThan(1000);
      expect(numbers(leanGradients, f, variables)).toEqual(expected);
      x.dispose();
      disposeModule(net);
    },
  );

  it.each(Object.keys(layers))("takes the memory of a neuron's gradient for that of its current: %s", (neuron) => {
    const seen: object[] = [];
    const note = ({ dataId }: Tensor) => seen.push(dataId);
    const { f, variables, disposeAll } = unit(neuron, note, note);
    numbers(leanGradients, f, variables);
    expect(seen[1]).toBe(seen[0]);
    numbers(plain, f, variables);
    expect(seen[3]).not.toBe(seen[2]);
    disposeAll();
  });

  it.each(Object.keys(layers))("leaves a gradient alone that somebody keeps: %s", (neuron) => {
    const kept: Tensor[] = [];
    const note = (dy: Tensor) => kept.push(keep(dy));
    const { f, variables, disposeAll } = unit(neuron, note, () => {});
    const expected = numbers(plain, f, variables);
    expect(numbers(leanGradients, f, variables)).toEqual(expected);
    expect(read(kept[1]!)).toEqual(read(kept[0]!));
    for (const dy of kept) dy.dispose();
    disposeAll();
  });
});

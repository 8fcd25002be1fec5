import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  convNormNeuron,
  evaluation,
  freeAfterUse,
  namedBuffers,
  namedParameters,
  neurons,
  normNeuron,
} from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, lif, plif } from "@sew/neurons";
import { random } from "@sew/random";
import {
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  getBackend,
  getKernel,
  grad,
  keep,
  mul,
  type Scalar,
  scalar,
  square,
  sum,
  type Tensor,
  tensor1d,
  type Variable,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const training = { training: true };

describeModule("convNormNeuron", {
  make: () => convNormNeuron(2, 3, neurons(lif), { stride: 2 }),
  input: [3, 2, 6, 4, 2],
  output: [3, 2, 3, 2, 3],
  timeless: false,
});

describeBackends("convNormNeuron", () => {
  it("is SN(BN(Conv(x))), its three children one after another", () =>
    scoped(() => {
      const unit = convNormNeuron(2, 3, neurons(integrateAndFire, { vThreshold: 0.25 }));
      const { conv, norm, neuron } = unit.children;
      const x = spikesOfShape([4, 2, 5, 5, 2]);
      const spikes = read(unit.forward(x, evaluation));
      const inTurn = [conv!, norm!, neuron!].reduce((y, layer) => layer.forward(y, evaluation), x);
      expect(spikes).toEqual(read(inTurn));
      expect(new Set(spikes)).toEqual(new Set([0, 1]));
    }));

  it.each([
    ["frames", false],
    ["what another layer made", true],
  ])("has in training, of %s, the spikes, statistics and gradients of its children one after another", (_, isInner) =>
    scoped(() => {
      const x = spikesOfShape([3, 2, 6, 5, 4]);
      const pass = (inTurn: boolean) => {
        const unit = convNormNeuron(4, 3, neurons(plif), { stride: 2, random: random(1) });
        const { conv, norm, neuron } = unit.children;
        const slope = variable(scalar(1));
        const forward = (s: Tensor): Tensor =>
          inTurn ? normNeuron(norm, neuron, conv.forward(s, training), training) : unit.forward(s, training);
        const spikes: Tensor[] = [];
        const loss = freeAfterUse(() => {
          spikes.push(keep(forward(isInner ? mul(x, slope) : x)));
          return sum(square(spikes[0]!)) as Scalar;
        });
        const variables = [...namedParameters(unit).values(), ...(isInner ? [slope] : [])];
        const { grads } = variableGrads(loss, variables);
        return [...spikes, ...variables.map((each) => grads[each.name]!), ...namedBuffers(unit).values()].map(read);
      };
      expect(pass(false)).toEqual(pass(true));
    }),
  );

  it("names its parameters and buffers for its children", () =>
    scoped(() => {
      const unit = convNormNeuron(2, 3, neurons(plif));
      expect([...namedParameters(unit).keys()]).toEqual(["conv.weight", "norm.weight", "norm.bias", "neuron.w"]);
      expect([...namedBuffers(unit).keys()]).toEqual(["norm.runningMean", "norm.runningVar"]);
    }));
});

describeBackends("the backward pass of convNormNeuron", () => {
  /** How often f runs each gradient of a convolution. */
  const convolutionGradientsOf = (f: () => void) => {
    const kernels = [Conv2DBackpropInput, Conv2DBackpropFilter].map((name) => getKernel(name, getBackend())!);
    const own = kernels.map(({ kernelFunc }) => kernelFunc);
    const calls = [0, 0];
    for (const [i, kernel] of kernels.entries()) {
      kernel.kernelFunc = (call) => {
        calls[i]!++;
        return own[i]!(call);
      };
    }
    try {
      f();
    } finally {
      for (const [i, kernel] of kernels.entries()) kernel.kernelFunc = own[i]!;
    }
    return { ofInputs: calls[0], ofFilters: calls[1] };
  };
  const units = () => {
    const [first, second] = [convNormNeuron(2, 3, neurons(lif)), convNormNeuron(3, 3, neurons(lif))];
    const loss = (x: Tensor) => sum<Scalar>(second.forward(first.forward(x, training), training));
    return { first, second, loss };
  };

  it("computes the gradients that are asked for alone", () =>
    scoped(() => {
      const { first, second, loss } = units();
      const x = spikesOfShape([2, 1, 4, 4, 2]);
      const by = (...variables: Variable[]) => convolutionGradientsOf(() => variableGrads(() => loss(x), variables));
      const all = [first, second].flatMap((unit) => [...namedParameters(unit).values()]);
      expect(by(...all)).toEqual({ ofInputs: 1, ofFilters: 2 });
      expect(by(...namedParameters(second).values())).toEqual({ ofInputs: 0, ofFilters: 1 });
      expect(by(namedParameters(second).get("norm.bias")!)).toEqual({ ofInputs: 0, ofFilters: 0 });
      expect(by(namedParameters(first).get("norm.bias")!)).toEqual({ ofInputs: 1, ofFilters: 0 });
      expect(convolutionGradientsOf(() => grad((s) => loss(s))(x))).toEqual({ ofInputs: 2, ofFilters: 0 });
    }));

  it("takes parameters of neurons that are integers", () =>
    scoped(() => {
      const vThreshold = tensor1d([1, 2, 1], "int32");
      const unit = convNormNeuron(2, 3, neurons(lif, { vThreshold }));
      const x = spikesOfShape([2, 1, 4, 4, 2]);
      const { grads } = variableGrads(
        () => sum<Scalar>(unit.forward(x, training)),
        [...namedParameters(unit).values()],
      );
      expect(read(grads[unit.children.conv.parameters.weight.name]!).every(Number.isFinite)).toBe(true);
    }));
});

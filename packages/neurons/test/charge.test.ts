import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { alif, ilif, lif, neuron } from "@sew/neurons";
import { mul, sub, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeBackends("neuron.charge", () => {
  it("is Eq. 1 by itself: H before the spike, which the state after the step does not hold", () =>
    scoped(() => {
      const step = neuron(lif, { tau: 2 });
      const state = { v: tensor1d([0.5, 1]) };
      const x = tensor1d([0.5, 3]);
      expect(read(step.charge(state, x).v)).toEqual([0.5, 2]);
      expect(read(step(state, x).state.v)).toEqual([0.5, 0]);
      expect(read(state.v)).toEqual([0.5, 1]);
    }));

  it("returns all variables of the state, those that it leaves alone as tensors of their own", () =>
    scoped(() => {
      const step = neuron(alif);
      const state = step.initialState([2]);
      const charged = step.charge(state, zeros([2]));
      expect(Object.keys(charged).sort()).toEqual([...step.stateNames].sort());
      for (const [name, t] of Object.entries(charged)) expect(t).not.toBe(state[name as keyof typeof state]);
    }));
});

describeBackends("neuron.spikeArgument", () => {
  it("is the charged potential above threshold, a raised one where the model has it", () =>
    scoped(() => {
      const v = tensor1d([0.5, 3]);
      expect(read(neuron(lif, { vThreshold: 0.5 }).spikeArgument({ v })!)).toEqual([0, 2.5]);
      const a = tensor1d([0, 1]);
      expect(read(neuron(alif, { beta: 2 }).spikeArgument({ v, a })!)).toEqual([-0.5, 0]);
    }));

  it("is none of a model that calls the spike function never or twice", () =>
    scoped(() => {
      const v = tensor1d([0.5, 3]);
      expect(neuron(ilif).spikeArgument({ v })).toBeUndefined();
      const twice: typeof lif = {
        ...lif,
        fire: (charged, _, spike) => mul(spike(charged.v), spike(sub(charged.v, 1))),
      };
      expect(neuron(twice).spikeArgument({ v })).toBeUndefined();
    }));
});

import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { alif, lif, neuron } from "@sew/neurons";
import { tensor1d, zeros } from "@tensorflow/tfjs-core";
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

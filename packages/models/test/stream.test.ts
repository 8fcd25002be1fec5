/** @file Networks step by step: the same numbers as those of the whole sequence at once. */
import { type BlockFactory, blocks } from "@sew/blocks";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  disposeModule,
  disposeState,
  evaluation,
  type Module,
  type NetworkState,
  namedBuffers,
  namedModules,
  neurons,
  run,
  stream,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { network, resNet } from "@sew/models";
import { type MembraneParams, type NeuronModel, neuron, neuronModels, plif, plifInitial } from "@sew/neurons";
import { concat, fill, memory, slice, type Tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

/** The names of models whose neurons blocks take. */
const spikingNames = Object.entries<NeuronModel<MembraneParams, string>>(neuronModels)
  .filter(([, model]) => neuron(model).emits.kind !== "reals")
  .map(([name]) => name);

/** SEW blocks and PLIF neurons, that forget slowly: what a step leaves matters to those that follow. */
const small = (options: { readonly recompute?: boolean; readonly notation?: string } = {}): Module => {
  const { notation = "c4k3s1-BN-PLIF-{SEW Block(c4)-MPk2s2}*2-FC6-PLIF-FC3", recompute = false } = options;
  const slow = { PLIF: neurons(plif, { w: plifInitial(4), decayInput: false }) };
  return excited(network(notation, { height: 8, width: 8, steps: 6, neurons: slow, recompute }));
};
const frames = (steps: number, batch = 2) => spikesOfShape([steps, batch, 8, 8, 2]);

/** Lowers the running variances, so that neurons fire in evaluation all the way to the scores. */
function excited<M extends Module>(net: M): M {
  for (const [name, buffer] of namedBuffers(net)) {
    if (name.endsWith("runningVar")) buffer.assign(fill(buffer.shape, 0.01));
  }
  return net;
}

/** Each piece `x[from … to)` of the sequence, one after another, with the state of the one before. */
function streamed(
  net: Module,
  x: Tensor,
  cuts: readonly number[],
): { readonly y: Tensor; readonly state: NetworkState } {
  const ends = [...cuts, x.shape[0]!];
  let state: NetworkState | undefined;
  const ys = ends.map((to, i) => {
    const from = ends[i - 1] ?? 0;
    const next = stream(net, slice(x, [from], [to - from]), state);
    state = next.state;
    return next.y;
  });
  return { y: concat(ys), state: state! };
}

/** Every cut of a sequence into single steps. */
const eachStep = (steps: number) => Array.from({ length: steps - 1 }, (_, i) => i + 1);

/** Throws unless the numbers of both states are the same. */
function expectSameState(actual: NetworkState, expected: NetworkState): void {
  const values = (state: NetworkState) =>
    Object.entries(state).map(([path, own]) => [
      path,
      Object.entries(own).map(([name, t]) => [name, t.shape, read(t)]),
    ]);
  expect(values(actual)).toEqual(values(expected));
}

/** Throws unless the network, step by step, is that of the whole sequence, and each step needs what came before. */
function expectStreams(net: Module, x: Tensor): void {
  const [steps] = x.shape as [number];
  const whole = read(run(net, x, evaluation));
  expect(read(streamed(net, x, eachStep(steps)).y)).toEqual(whole);
  const forgetful = eachStep(steps + 1).map((t) => run(net, slice(x, [t - 1], [1]), evaluation));
  expect(read(concat(forgetful))).not.toEqual(whole);
}

describeBackends("stream", (backend) => {
  it("step by step is the run of the whole sequence, for a network of SEW blocks and PLIF neurons", () =>
    scoped(() => expectStreams(small(), frames(6))));

  it("is that with all pieces, however the sequence is cut, and leaves the same state", () =>
    scoped(() => {
      const steps = 7;
      const net = small();
      const x = frames(steps);
      const whole = stream(net, x);
      expect(read(whole.y)).toEqual(read(run(net, x, evaluation)));
      fc.assert(
        fc.property(fc.subarray(eachStep(steps)), (cuts) =>
          scoped(() => {
            const { y, state } = streamed(net, x, cuts);
            expect(read(y)).toEqual(read(whole.y));
            expectSameState(state, whole.state);
          }),
        ),
        { numRuns: 30 },
      );
    }));

  it.each(Object.entries<BlockFactory>(blocks))("step by step is the whole run with %s blocks", (name) =>
    scoped(() => expectStreams(small({ notation: `c4-BN-PLIF-${name}-MPk2-${name}-FC6` }), frames(4))),
  );

  it.each([...spikingNames, "MASKEDPSN", "SLIDINGPSN"])("step by step is the whole run with %s neurons", (name) =>
    scoped(() => expectStreams(small({ notation: `c4-BN-${name}-SEW-MPk2-DP-c4-BN-${name}-FC4` }), frames(6))),
  );

  it("step by step is the whole run with a readout that does not spike", () =>
    scoped(() => expectStreams(small({ notation: "c4-BN-PLIF-SEW-MPk2-FC4-LI" }), frames(6))));

  it("step by step is the whole run with layers that recompute", () =>
    scoped(() => {
      expectStreams(small({ recompute: true }), frames(4));
      expectStreams(small({ recompute: true, notation: "c4-BN-PLIF-Spiking-MPk2-FC6" }), frames(4));
    }));

  it("step by step is the run of the whole sequence, for ResNet-18", () => {
    const net = excited(resNet(18, { classes: 3 }));
    scoped(() => expectStreams(net, spikesOfShape([backend === "cpu" ? 3 : 5, 2, 16, 16, 3])));
    disposeModule(net);
  });

  it("keeps a state for every neuron layer, by its path", () =>
    scoped(() => {
      const net = small();
      const layers = [...namedModules(net)].flatMap(([path, module]) => ("neuron" in module ? [path] : []));
      expect(layers).toHaveLength(6);
      const { state } = stream(net, frames(1, 3));
      expect(Object.keys(state).toSorted()).toEqual(layers.toSorted());
      expect(Object.values(state).map((own) => Object.keys(own))).toEqual(layers.map(() => ["v"]));
      expect([state["unit0.neuron"]!.v!.shape, state.neuron0!.v!.shape]).toEqual([
        [3, 8, 8, 4],
        [3, 6],
      ]);
    }));

  it("gives its caller the outputs and the state, and leaves nothing else in memory", () => {
    const net = small();
    const x = frames(1);
    const before = memory().numTensors;
    const first = stream(net, x);
    const second = stream(net, x, first.state);
    expect(memory().numTensors - before).toBe(2 * (1 + 6));
    for (const { y, state } of [first, second]) {
      y.dispose();
      disposeState(state);
    }
    expect(memory().numTensors).toBe(before);
    x.dispose();
    disposeModule(net);
  });

  it("changes no state that it is given, which may be the start of another sequence", () =>
    scoped(() => {
      const net = small();
      const { state } = stream(net, frames(2));
      const [once, again] = [1, 2].map(() => stream(net, frames(3), state));
      expect(read(again!.y)).toEqual(read(once!.y));
      expectSameState(again!.state, once!.state);
    }));

  it("refuses the state of another model", () =>
    scoped(() => {
      const net = small();
      const { state } = stream(small({ notation: "c4-BN-PLIF-{SEW}*3-FC6-IF" }), frames(1));
      expect(() => stream(net, frames(1), state)).toThrow(
        /^stream: state must be that of each neuron layer of this model, got one for "block2\.a\.neuron", .*; pass what the call before returned$/,
      );
      const larger = stream(small({ notation: "c6-BN-PLIF" }), frames(1)).state;
      expect(() => stream(net, frames(1), larger)).toThrow(
        new RangeError(
          "unroll: v of the state must be [2,8,8,4], the shape of one step of x [1,2,8,8,4], got [2,8,8,6]",
        ),
      );
    }));

  it("refuses the state of another batch", () =>
    scoped(() => {
      const net = small();
      const { state } = stream(net, frames(1, 3));
      expect(() => stream(net, zeros([2, 2, 8, 8, 2]), state)).toThrow(
        new RangeError(
          "unroll: v of the state must be [2,8,8,4], the shape of one step of x [2,2,8,8,4], got [3,8,8,4]",
        ),
      );
    }));
});

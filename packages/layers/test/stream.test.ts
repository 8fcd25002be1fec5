import { describeBackends, read, scoped } from "@sew/kernels/testing";
import {
  conv2d,
  convNormNeuron,
  disposeState,
  evaluation,
  flatten,
  learnable,
  linear,
  type Module,
  maxPool2d,
  type NetworkState,
  neurons,
  recomputed,
  run,
  sequential,
  stream,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { lif, plif, type State } from "@sew/neurons";
import { memory, slice, type Tensor, tensor3d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

const make = () =>
  sequential({
    unit: convNormNeuron(2, 3, neurons(plif)),
    recomputed: recomputed(convNormNeuron(3, 3, neurons(lif, { vThreshold: learnable(0.25, "channel") }))),
    pool: maxPool2d(2),
    conv: conv2d(3, 4, { bias: true }),
    neuron: neurons(lif, { vThreshold: 0.05 })(4),
    flatten: flatten(),
    classifier: linear(16, 3),
  });

/** The outputs of a sequence that is run in pieces of these lengths. */
function inPieces(model: Module, x: Tensor, lengths: readonly number[]): number[] {
  const y: number[] = [];
  let [at, state]: [number, NetworkState | undefined] = [0, undefined];
  for (const length of lengths) {
    const piece = stream(model, slice(x, at, length), state);
    y.push(...read(piece.y));
    [at, state] = [at + length, piece.state];
  }
  return y;
}

describeBackends("stream", () => {
  it("gives, piece by piece, the outputs of the whole sequence", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }), (lengths) =>
        scoped(() => {
          const model = make();
          const steps = lengths.reduce((a, b) => a + b);
          const x = spikesOfShape([steps, 2, 4, 4, 2]);
          expect(inPieces(model, x, lengths)).toEqual(read(run(model, x, evaluation)));
        }),
      ),
      { numRuns: 20 },
    ));

  it("names the state of each neuron layer by its path", () =>
    scoped(() =>
      expect(Object.keys(stream(make(), spikesOfShape([1, 1, 4, 4, 2])).state)).toEqual([
        "unit.neuron",
        "recomputed.neuron",
        "neuron",
      ]),
    ));

  it("keeps a state for each run of a layer that is there twice", () =>
    scoped(() => {
      const shared = neurons(lif, { vThreshold: 0.6 })(1);
      const model = sequential({ first: shared, second: shared });
      const x = tensor3d([[[1]], [[1.5]], [[1]], [[2]]]);
      expect(Object.keys(stream(model, slice(x, 0, 1)).state)).toEqual(["first", "first#2"]);
      expect(inPieces(model, x, [1, 1, 1, 1])).toEqual(read(run(model, x, evaluation)));
    }));

  it("leaves the output and the state in memory, and nothing else", () => {
    const model = sequential({ neuron: neurons(lif)(1) });
    const x = tensor3d([[[1]]]);
    const before = memory().numTensors;
    const first = stream(model, x);
    expect(memory().numTensors - before).toBe(2);
    const second = stream(model, x, first.state);
    expect(memory().numTensors - before).toBe(4);
    for (const { y, state } of [first, second]) {
      y.dispose();
      disposeState(state);
    }
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });

  it("refuses a state that lacks that of a layer, and leaves nothing in memory", () =>
    scoped(() => {
      const model = sequential({ first: neurons(lif)(1), second: neurons(lif)(1) });
      const x = tensor3d([[[1]]]);
      const { first, second } = stream(model, x).state as Readonly<Record<string, State>>;
      const before = memory().numTensors;
      for (const [state, path] of [
        [{}, "first"],
        [{ second }, "first"],
        [{ first }, "second"],
        [{ first, second: undefined }, "second"],
      ] as const) {
        expect(() => stream(model, x, state as NetworkState)).toThrow(
          new RangeError(
            `stream: state must be that of each neuron layer of this model, got none for "${path}"; pass what the call before returned`,
          ),
        );
      }
      expect(memory().numTensors).toBe(before);
    }));

  it("takes the empty state of a model without neurons", () =>
    scoped(() => {
      const [model, x] = [sequential({ flatten: flatten() }), spikesOfShape([1, 1, 2, 2, 1])];
      const { state } = stream(model, x);
      expect(state).toEqual({});
      expect(read(stream(model, x, state).y)).toEqual(read(x));
    }));

  it("refuses the state of another model, and of another batch", () =>
    scoped(() => {
      const model = sequential({ neuron: neurons(lif)(1) });
      const { state } = stream(model, tensor3d([[[1]]]));
      expect(() => stream(sequential({ flatten: conv2d(1, 1) }), spikesOfShape([1, 1, 2, 2, 1]), state)).toThrow(
        new RangeError(
          'stream: state must be that of each neuron layer of this model, got one for "neuron"; pass what the call before returned',
        ),
      );
      expect(() => stream(sequential({ other: neurons(lif)(1) }), tensor3d([[[1]]]), state)).toThrow(
        new RangeError(
          'stream: state must be that of each neuron layer of this model, got one for "neuron"; pass what the call before returned',
        ),
      );
      expect(() => stream(model, tensor3d([[[1], [2]]]), state)).toThrow(
        new RangeError("unroll: v of the state must be [2,1], the shape of one step of x [1,2,1], got [1,1]"),
      );
    }));
});

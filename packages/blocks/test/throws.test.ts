/** @file A block that throws half-way leaves no tensor behind. */
import { type BlockFactory, blocks, sewBlock } from "@sew/blocks";
import { describeBackends } from "@sew/kernels/testing";
import {
  disposeModule,
  freeAfterUse,
  type NeuronFactory,
  namedParameters,
  neuronLayer,
  neurons,
  run,
  stream,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { composed, lif, neuron } from "@sew/neurons";
import { spike } from "@sew/surrogates";
import { memory, mul, onesLike, type Scalar, sum, variableGrads } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { hasNeurons } from "./chain.js";

const stop = new Error("stop");
const shape = [3, 2, 4, 4, 4];
const context = { training: true, seed: 1 };

function leavesNothing(pass: () => unknown): void {
  const before = memory().numTensors;
  expect(pass).toThrow(stop);
  expect(memory().numTensors).toBe(before);
}

/** Layers of a composed neuron whose n-th charge, or n-th slope in the backward pass, throws. */
function throwing(where: "charge" | "slope", at: number): NeuronFactory {
  let calls = 0;
  const count = (what: typeof where): void => {
    if (what === where && ++calls === at) throw stop;
  };
  return () => {
    const before = calls;
    // A trace calls them, too.
    calls = Number.NEGATIVE_INFINITY;
    const own = neuron(
      {
        ...lif,
        charge(state, x, params) {
          const charged = lif.charge(state, x, params);
          count("charge");
          return charged;
        },
      },
      {},
      spike((u) => {
        count("slope");
        return onesLike(u);
      }),
    );
    calls = before;
    return neuronLayer(composed(own));
  };
}

const spiking = Object.entries<BlockFactory>(blocks).filter(([, make]) => hasNeurons(make));

describeBackends("a block that throws", () => {
  describe.each(spiking)("%s", (_, make) => {
    it.each([false, true].flatMap((recompute) => [1, 4, 6].map((at) => ({ recompute, at }))))(
      "at charge $at, recomputing $recompute, leaves nothing behind",
      ({ recompute, at }) => {
        const x = spikesOfShape(shape);
        for (const pass of ["run", "stream", "gradient"] as const) {
          const block = make({ channels: 4, outChannels: 8, stride: 2, neurons: throwing("charge", at), recompute });
          const parameters = [...namedParameters(block).values()];
          if (pass === "run") leavesNothing(() => run(block, x, context));
          else if (pass === "stream") leavesNothing(() => stream(block, x, undefined, context));
          else
            leavesNothing(() =>
              variableGrads(
                freeAfterUse(() => sum(run(block, x, context)) as Scalar),
                parameters,
              ),
            );
          disposeModule(block);
        }
        x.dispose();
      },
    );

    it.each([false, true].flatMap((recompute) => [1, 4, 6].map((at) => ({ recompute, at }))))(
      "at slope $at of the backward pass, recomputing $recompute, leaves nothing behind",
      ({ recompute, at }) => {
        const x = spikesOfShape(shape);
        const block = make({ channels: 4, outChannels: 8, stride: 2, neurons: throwing("slope", at), recompute });
        const f = freeAfterUse(() => sum(run(block, x, context)) as Scalar);
        leavesNothing(() => variableGrads(f, [...namedParameters(block).values()]));
        x.dispose();
        disposeModule(block);
      },
    );
  });

  it("in its connect function leaves nothing behind", () => {
    const x = spikesOfShape(shape);
    const block = sewBlock(
      (a, s) => {
        mul(a, s);
        throw stop;
      },
      { channels: 4, neurons: neurons(lif) },
    );
    leavesNothing(() => run(block, x, context));
    x.dispose();
    disposeModule(block);
  });
});

it("a block whose connect function has no identity leaves nothing behind when it is refused", () => {
  const before = memory().numTensors;
  expect(() => sewBlock((a) => a, { channels: 4, neurons: neurons(lif), zeroInit: true })).toThrow(
    "identityShift: connect must be an identity in S for A = 0 or A = 1",
  );
  expect(memory().numTensors).toBe(before);
});

/** @file Blocks of neurons that emit something else than 0 and 1, of parallel neurons, and of those that blocks refuse. */
import { type BlockFactory, blocks, sewBlock } from "@sew/blocks";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { type ActivationFactory, disposeModule, neurons, parallelNeurons, run } from "@sew/layers";
import { ilif, li, lif, lifRefractory, maskedPsn, psn, slidingPsn } from "@sew/neurons";
import { grad, memory, type Tensor, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connects, hasNeurons, inputs, sizeOf } from "./chain.js";

const [{ connect: add }, { connect: and }, { connect: iand }] = connects;

/** Throws unless a zero-initialised block is an identity, in its values and its gradients. */
function expectIdentity(connect: typeof add, factory: ActivationFactory, shape: number[], values: number[]): void {
  const block = sewBlock(connect, { channels: shape[4]!, neurons: factory, zeroInit: true });
  const s = tensor(values, shape);
  expect(read(run(block, s, { training: true }))).toEqual(values);
  const dy = tensor(
    Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + 1)),
    shape,
  );
  expect(read(grad((x: Tensor) => run(block, x, { training: true }))(s, dy))).toEqual(read(dy));
  disposeModule(block);
}

describeBackends("a zero-initialised SEW block of neurons that emit counts", () => {
  it.each([
    { name: "ADD", connect: add },
    { name: "AND", connect: and },
  ])("is O = S with $name, for spikes and counts: A is 0, or 1, at every step", ({ connect }) =>
    fc.assert(
      fc.property(inputs(4), fc.constantFrom(1, 2, 4), ({ shape, values }, maxSpikes) =>
        scoped(() => expectIdentity(connect, neurons(ilif, { maxSpikes }), shape, values)),
      ),
      { numRuns: 20 },
    ),
  );
});

describeBackends("a zero-initialised SEW block of parallel neurons", () => {
  it.each([
    { name: "ADD", connect: add },
    { name: "IAND", connect: iand },
  ])("is O = S with $name: A is silent at a current of 0", ({ connect }) =>
    fc.assert(
      fc.property(inputs(1), ({ shape, values }) =>
        scoped(() => {
          for (const factory of [
            parallelNeurons(psn, { steps: shape[0]! }),
            parallelNeurons(maskedPsn, { steps: shape[0]! }),
            parallelNeurons(slidingPsn, { order: 3 }),
          ]) {
            expectIdentity(connect, factory, shape, values);
          }
        }),
      ),
      { numRuns: 10 },
    ),
  );

  it("is O = S with AND and sliding PSN, whose weights all are above 0 at the start", () =>
    fc.assert(
      fc.property(inputs(1), ({ shape, values }) =>
        scoped(() => expectIdentity(and, parallelNeurons(slidingPsn, { order: 3 }), shape, values)),
      ),
      { numRuns: 10 },
    ));
});

/** Throws unless `make` is refused with this message and leaves no tensor behind. */
function expectRefused(make: () => unknown, message: string): void {
  const before = memory().numTensors;
  expect(make).toThrow(new RangeError(message));
  expect(memory().numTensors).toBe(before);
}

describe("blocks refuse", () => {
  const whereOf: Readonly<Record<string, string>> = { Spiking: "spikingBlock", Plain: "plainBlock" };
  const spiking = Object.entries<BlockFactory>(blocks).filter(([, make]) => hasNeurons(make));

  it.each(spiking)("neurons that emit real numbers: %s", (name, make) => {
    const message = `${whereOf[name] ?? "sewBlock"}: neurons must emit spikes, got some that emit real numbers; put them behind the last layer`;
    for (const path of ["basic", "bottleneck"] as const) {
      const shape = { channels: 4, outChannels: 8, stride: 2, path };
      expectRefused(() => make({ ...shape, neurons: neurons(li) }), message);
      expectRefused(() => make({ ...shape, neurons: neurons(lif), lastNeurons: neurons(li) }), message);
    }
  });

  it("counts with IAND, whose 1 − A is for spikes of 0 and 1", () =>
    expectRefused(
      () => sewBlock(iand, { channels: 4, neurons: neurons(ilif) }),
      "sewBlock: connect must not fall below 0 for what the neurons emit, 0 to 4, got g(2, 1) = -1; use ADD or AND",
    ));

  it("to start as an identity with AND and neurons that cannot fire at every step", () => {
    const options = { channels: 4, neurons: neurons(lifRefractory), zeroInit: true };
    disposeModule(sewBlock(add, options));
    expectRefused(
      () => sewBlock(and, options),
      `firingCurrent: neuron must fire at every step at some constant current, got one that does not at any up to ${2 ** 64}`,
    );
  });
});

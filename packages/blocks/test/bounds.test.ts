/** @file What comes out of blocks, whatever their weights: section 4.1's bounds. */
import { add, and, iand, sewBlock, spikingBlock } from "@sew/blocks";
import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { neurons, run } from "@sew/layers";
import { neuronLayers } from "@sew/layers/testing";
import { integrateAndFire } from "@sew/neurons";
import { ones, tensor } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { chain, inputs, paths } from "./chain.js";

const context = { training: true };
const depth = fc.integer({ min: 1, max: 4 });

describeBackends("the output of SEW blocks", () => {
  it.each([
    { name: "AND", connect: and },
    { name: "IAND", connect: iand },
  ])("stays binary with $name, and never fires more than the input", ({ connect }) =>
    fc.assert(
      fc.property(depth, neuronLayers, inputs(1), paths, (k, { neurons }, { shape, values }, path) =>
        scoped(() => {
          const net = chain(k, (o) => sewBlock(connect, { ...o, channels: shape[4]!, neurons, path }));
          const s = tensor(values, shape);
          for (const [i, o] of read(run(net, s, context)).entries()) {
            expect([0, 1]).toContain(o);
            expect(o).toBeLessThanOrEqual(values[i]!);
          }
        }),
      ),
      { numRuns: 30 },
    ),
  );

  it("is a whole number from S to S + k after k blocks with ADD, so at most k + 1", () =>
    fc.assert(
      fc.property(depth, neuronLayers, inputs(1), paths, (k, { neurons }, { shape, values }, path) =>
        scoped(() => {
          const net = chain(k, (o) => sewBlock(add, { ...o, channels: shape[4]!, neurons, path }));
          const s = tensor(values, shape);
          for (const [i, o] of read(run(net, s, context)).entries()) {
            expect(Number.isInteger(o)).toBe(true);
            expect(o).toBeGreaterThanOrEqual(values[i]!);
            expect(o).toBeLessThanOrEqual(values[i]! + k);
          }
        }),
      ),
      { numRuns: 30 },
    ));

  it("reaches k + 1 when all fire, so that no smaller bound holds", () =>
    scoped(() => {
      // AND's shift of zero-init makes every A fire.
      const net = chain(5, (o) => {
        const block = sewBlock(add, { ...o, channels: 4, neurons: neurons(integrateAndFire), zeroInit: true });
        block.children.b.children.norm.parameters.bias.assign(ones([4]));
        return block;
      });
      expect(new Set(read(run(net, ones([2, 1, 2, 2, 4]), context)))).toEqual(new Set([6]));
    }));

  it("is at most 2 after a downsample block with ADD, however much came in, and binary with AND and IAND", () =>
    fc.assert(
      fc.property(neuronLayers, inputs(9), paths, ({ neurons }, { shape, values }, path) =>
        scoped(() => {
          const options = { channels: shape[4]!, outChannels: 2 * shape[4]!, stride: 2, neurons, path };
          const s = tensor(values, shape);
          const most = (connect: typeof add) => new Set(read(run(sewBlock(connect, options), s, context)));
          for (const o of most(add)) expect([0, 1, 2]).toContain(o);
          for (const o of [...most(and), ...most(iand)]) expect([0, 1]).toContain(o);
        }),
      ),
      { numRuns: 30 },
    ));
});

describeBackends("the output of Spiking blocks", () => {
  it("is binary, whatever is added in them", () =>
    fc.assert(
      fc.property(depth, neuronLayers, inputs(2), paths, (k, { neurons }, { shape, values }, path) =>
        scoped(() => {
          const net = chain(k, (o) => spikingBlock({ ...o, channels: shape[4]!, neurons, path }));
          for (const o of read(run(net, tensor(values, shape), context))) expect([0, 1]).toContain(o);
        }),
      ),
      { numRuns: 30 },
    ));
});

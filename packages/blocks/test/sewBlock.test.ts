import { add, and, type Connect, iand, sew, sewBlock } from "@sew/blocks";
import {
  type Context,
  evaluation,
  ifNeurons,
  lifNeurons,
  type Module,
  namedParameters,
  plifNeurons,
  run,
  type SpikingFactory,
  seeded,
  sequential,
} from "@sew/layers";
import { describeBackends, describeModule, expectClose, read, scoped, spikesOfShape } from "@sew/testing";
import { fill, grad, ones, type Tensor, zeros } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const input = [3, 2, 5, 4, 2];
const kinds = [
  { name: "ADD", connect: add, bias: 0 },
  { name: "IAND", connect: iand, bias: 0 },
  { name: "AND", connect: and, bias: 1 },
] as const;

for (const { name, connect } of kinds) {
  describeModule(`sewBlock ${name}`, {
    make: () => sewBlock(connect, { channels: 2, neurons: lifNeurons() }),
    input,
    output: input,
    timeless: false,
  });
}

/** Sets the last batch norm of a block: weight 0, and a bias that keeps A at 0 (0) or at 1 (V_th of IF). */
function silence(block: Module, bias: number): Module {
  const parameters = namedParameters(block);
  const [weight, shift] = [parameters.get("b.norm.weight")!, parameters.get("b.norm.bias")!];
  weight.assign(zeros(weight.shape));
  shift.assign(fill(shift.shape, bias));
  return block;
}

const make = (connect: Connect, neurons: SpikingFactory = ifNeurons(), seed = 0) =>
  sewBlock(connect, { channels: 2, neurons, random: seeded(seed) });
const contexts: Context[] = [{ training: false }, { training: true }];

describeBackends("sewBlock", () => {
  it.each(kinds)("$name: is O = g(A, S), where A is what its second unit fires (Eq. 9)", ({ connect }) =>
    scoped(() => {
      const block = make(connect, ifNeurons({ vThreshold: 0.25 }));
      const { a, b } = block.children!;
      const s = spikesOfShape(input);
      const fired = run(b!, run(a!, s, evaluation), evaluation);
      expect(new Set(read(fired))).toEqual(new Set([0, 1]));
      expect(read(run(block, s, evaluation))).toEqual(read(connect(fired, s)));
    }),
  );

  it("tells IAND's arguments apart: S passes where A is silent, and not the other way round", () =>
    scoped(() => {
      // A fires everywhere (bias V_th, weight 0): nothing of S is left. Swapped, 1 − S would come out.
      const block = silence(make(iand), 1);
      expect(read(run(block, zeros(input), evaluation))).toEqual(read(zeros(input)));
      expect(read(run(block, ones(input), evaluation))).toEqual(read(zeros(input)));
    }));

  describe.each(kinds)("$name with the last batch norm's weight 0 and bias $bias (Table 1)", ({ connect, bias }) => {
    it.each(contexts)("is the identity, training $training", (context) =>
      scoped(() => {
        const s = spikesOfShape(input);
        expect(read(run(silence(make(connect), bias), s, context))).toEqual(read(s));
      }),
    );

    it("has the identity's gradient, exactly 1 through any number of blocks (Eq. 11)", () =>
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 1000 }), (k, seed) =>
          scoped(() => {
            const blocks = Array.from({ length: k }, (_, i) => [
              `${i}`,
              silence(make(connect, ifNeurons(), seed + i), bias),
            ]);
            const chain = sequential(Object.fromEntries(blocks) as Record<string, Module>);
            const s = spikesOfShape([2, 1, 3, 3, 2]);
            expect(read(grad((x: Tensor) => run(chain, x, evaluation))(s))).toEqual(new Array(s.size).fill(1));
          }),
        ),
        { numRuns: 12 },
      ));
  });

  it("ADD: k blocks in a row give integers from 0 to k + 1, and reach k + 1 when all fire", () =>
    scoped(() => {
      const k = 4;
      const eager = (i: number) => silence(make(add, ifNeurons(), i), 1);
      const chain = sequential(Object.fromEntries(Array.from({ length: k }, (_, i) => [`${i}`, eager(i)])));
      expect(new Set(read(run(chain, ones(input), evaluation)))).toEqual(new Set([k + 1]));
      const wild = sequential(
        Object.fromEntries(Array.from({ length: k }, (_, i) => [`${i}`, make(add, ifNeurons({ vThreshold: 0.1 }), i)])),
      );
      for (const o of read(run(wild, spikesOfShape(input), evaluation))) expect([0, 1, 2, 3, 4, 5]).toContain(o);
    }));

  it.each([kinds[1], kinds[2]])("$name: any number of blocks stay binary", ({ connect }) =>
    scoped(() => {
      const chain = sequential(
        Object.fromEntries(
          Array.from({ length: 3 }, (_, i) => [`${i}`, make(connect, ifNeurons({ vThreshold: 0.1 }), i)]),
        ),
      );
      for (const o of read(run(chain, spikesOfShape(input), evaluation))) expect([0, 1]).toContain(o);
    }),
  );

  it("takes a connect function of one's own", () =>
    scoped(() => {
      const shortcut: Connect = (_, s) => s;
      const s = spikesOfShape(input);
      expect(read(run(make(shortcut), s, evaluation))).toEqual(read(s));
    }));

  it("begins at the seed alone", () =>
    scoped(() => {
      const weights = (seed: number) => read(namedParameters(make(add, ifNeurons(), seed)).get("b.conv.weight")!);
      expect(weights(1)).toEqual(weights(1));
      expect(weights(1)).not.toEqual(weights(2));
    }));

  it("has two units of different weights", () =>
    scoped(() => {
      const parameters = namedParameters(make(add));
      expect(read(parameters.get("a.conv.weight")!)).not.toEqual(read(parameters.get("b.conv.weight")!));
    }));
});

describe("sew", () => {
  it("makes SEW blocks for a model, with a neuron layer each", () =>
    scoped(() => {
      const block = sew(add)({ channels: 2, neurons: plifNeurons() });
      expect([...namedParameters(block).keys()]).toEqual(
        ["a", "b"].flatMap((u) => [`${u}.conv.weight`, `${u}.norm.weight`, `${u}.norm.bias`, `${u}.neuron.w`]),
      );
      expectClose(run(block, zeros(input), evaluation), zeros(input));
    }));
});

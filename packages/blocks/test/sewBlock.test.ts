import { add, and, type Connect, iand, rbaBlock, sew, sewBlock } from "@sew/blocks";
import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import { evaluation, type Module, type NeuronFactory, namedParameters, neurons, relus, run } from "@sew/layers";
import { describeModule, spikesOfShape } from "@sew/layers/testing";
import { integrateAndFire, lif, plif } from "@sew/neurons";
import { random } from "@sew/random";
import { ones, add as plus, slice, zeros } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { connects } from "./chain.js";

const input = [3, 2, 6, 4, 4];

for (const { name, connect } of connects) {
  describeModule(`sewBlock ${name}`, {
    make: () => sewBlock(connect, { channels: 4, neurons: neurons(lif) }),
    input,
    output: input,
    timeless: false,
  });
}
describeModule("sewBlock, bottleneck with a shortcut", {
  make: () => sewBlock(add, { channels: 4, outChannels: 8, stride: 2, path: "bottleneck", neurons: neurons(plif) }),
  input,
  output: [3, 2, 3, 2, 8],
  timeless: false,
});
describeModule("rbaBlock", {
  make: () => rbaBlock({ channels: 4, outChannels: 6 }),
  input,
  output: [3, 2, 6, 4, 6],
  timeless: true,
});

const make = (connect: Connect, factory: NeuronFactory = neurons(integrateAndFire), seed = 0) =>
  sewBlock(connect, { channels: 4, neurons: factory, random: random(seed) });

describeBackends("sewBlock", () => {
  describe.each(connects)("with g = $name", ({ connect }) => {
    const factory = neurons(integrateAndFire, { vThreshold: 0.25 });

    it("is O = g(A, S), where A is what its second unit fires (Eq. 9)", () =>
      scoped(() => {
        const block = make(connect, factory);
        const { a, b } = block.children;
        const s = spikesOfShape(input);
        const fired = run(b, run(a, s, evaluation), evaluation);
        expect(new Set(read(fired))).toEqual(new Set([0, 1]));
        expect(read(run(block, s, evaluation))).toEqual(read(connect(fired, s)));
      }));

    it("is g(A, shortcut(S)) where it changes the shape, with A from its third unit in a bottleneck (Fig. 2)", () =>
      scoped(() => {
        const options = { channels: 4, outChannels: 8, stride: 2, path: "bottleneck", neurons: factory } as const;
        const block = sewBlock(connect, options);
        const { a, b, c, shortcut } = block.children;
        const s = spikesOfShape(input);
        const fired = [a, b, c!].reduce((x, unit) => run(unit, x, evaluation), s);
        const passed = run(shortcut!, s, evaluation);
        expect(new Set([...read(fired), ...read(passed)])).toEqual(new Set([0, 1]));
        expect(read(run(block, s, evaluation))).toEqual(read(connect(fired, passed)));
      }));
  });

  it("tells IAND's arguments apart: S passes where A is silent, and not the other way round", () =>
    scoped(() => {
      // A fires everywhere (AND's identity): nothing of S is left. Swapped, 1 − S would come out.
      const { weight, bias } = sewBlock(and, { channels: 4, neurons: neurons(integrateAndFire), zeroInit: true })
        .children.b.children.norm.parameters;
      const block = make(iand);
      const own = block.children.b.children.norm.parameters;
      own.weight.assign(weight);
      own.bias.assign(bias);
      expect(read(run(block, zeros(input), evaluation))).toEqual(read(zeros(input)));
      expect(read(run(block, ones(input), evaluation))).toEqual(read(zeros(input)));
    }));

  it("takes a connect function of one's own, and refuses one that changes the shape", () =>
    scoped(() => {
      const shortcut: Connect = (_, s) => s;
      const s = spikesOfShape(input);
      expect(read(run(make(shortcut), s, evaluation))).toEqual(read(s));
      const first: Connect = (a) => slice(a, [0], [1]);
      expect(() => run(make(first), s, evaluation)).toThrow(
        new RangeError("sewBlock: connect must keep the shape [3,2,6,4,4], got [1,2,6,4,4]"),
      );
    }));

  it("begins at the seed alone", () =>
    scoped(() => {
      const weights = (seed: number) =>
        read(namedParameters(make(add, neurons(integrateAndFire), seed)).get("b.conv.weight")!);
      expect(weights(1)).toEqual(weights(1));
      expect(weights(1)).not.toEqual(weights(2));
    }));

  it("has two units of different weights", () =>
    scoped(() => {
      const parameters = namedParameters(make(add));
      expect(read(parameters.get("a.conv.weight")!)).not.toEqual(read(parameters.get("b.conv.weight")!));
    }));
});

describe("sewBlock's parameters", () => {
  const unit = (name: string) => [
    `${name}.conv.weight`,
    `${name}.norm.weight`,
    `${name}.norm.bias`,
    `${name}.neuron.w`,
  ];
  const shapesOf = (block: Module) =>
    Object.fromEntries(
      [...namedParameters(block)].filter(([name]) => name.endsWith("conv.weight")).map(([n, w]) => [n, w.shape]),
    );

  it("are those of two 3x3 units in a basic block, as sew() makes it for a model", () => {
    const block = sew(add)({ channels: 4, neurons: neurons(plif) });
    expect([...namedParameters(block).keys()]).toEqual(["a", "b"].flatMap(unit));
    expect(shapesOf(block)).toEqual({ "a.conv.weight": [3, 3, 4, 4], "b.conv.weight": [3, 3, 4, 4] });
  });

  it("are those of 1x1, 3x3, 1x1 at a quarter of the width in a bottleneck, and of a 1x1 shortcut", () => {
    const block = sewBlock(add, { channels: 8, outChannels: 16, path: "bottleneck", neurons: neurons(plif) });
    expect([...namedParameters(block).keys()]).toEqual(["a", "b", "c", "shortcut"].flatMap(unit));
    expect(shapesOf(block)).toEqual({
      "a.conv.weight": [1, 1, 8, 4],
      "b.conv.weight": [3, 3, 4, 4],
      "c.conv.weight": [1, 1, 4, 16],
      "shortcut.conv.weight": [1, 1, 8, 16],
    });
  });

  it.each([{ stride: 2 }, { outChannels: 8 }])("include a shortcut's wherever the shape changes: %j", (options) =>
    expect(
      Object.keys(sewBlock(add, { channels: 4, neurons: neurons(integrateAndFire), ...options }).children),
    ).toEqual(["a", "b", "shortcut"]),
  );
});

describeBackends("rbaBlock", () => {
  it("is Y = ReLU(F(X)) + X (Eq. 10): never below X, and without bound", () =>
    scoped(() => {
      const block = rbaBlock({ channels: 4 });
      const { a, b } = block.children;
      const x = spikesOfShape(input);
      const f = run(b, run(a, x, evaluation), evaluation);
      expect(Math.min(...read(f))).toBe(0);
      expectClose(run(block, x, evaluation), plus(f, x));
    }));

  it("has ReLU in the place of all neurons", () =>
    expect([...namedParameters(rbaBlock({ channels: 4, stride: 2 })).keys()]).toEqual([
      ...namedParameters(sewBlock(add, { channels: 4, stride: 2, neurons: relus() })).keys(),
    ]));
});

describe("the blocks' checks", () => {
  const factory = neurons(integrateAndFire);

  it.each([
    { options: { channels: 0 }, text: "block: channels must be an integer of at least 1, got 0" },
    {
      options: { channels: 4, outChannels: 2.5 },
      text: "block: outChannels must be an integer of at least 1, got 2.5",
    },
    { options: { channels: 4, stride: 0 }, text: "block: stride must be an integer of at least 1, got 0" },
    {
      options: { channels: 4, outChannels: 6, path: "bottleneck" as const },
      text: "block: outChannels must be a multiple of 4 in a bottleneck, got 6",
    },
    {
      options: { channels: 4, path: "deep" as "basic" },
      text: 'block: path must be "basic" or "bottleneck", got "deep"',
    },
  ])("refuse $options", ({ options, text }) =>
    expect(() => sewBlock(add, { ...options, neurons: factory })).toThrow(new RangeError(text)),
  );

  it("refuse images without time, no time at all, and other channels", () =>
    scoped(() => {
      const of = (shape: number[]) => () => run(make(add), zeros(shape), evaluation);
      expect(of([2, 6, 4, 4])).toThrow(
        "conv2d: x must be [T, N, H, W, C], got [2,6,4,4]; add the time axis with expandDims(x, 0)",
      );
      expect(of([0, 2, 6, 4, 4])).toThrow("conv2d: x must have at least 1 time-step, got [0,2,6,4,4]");
      expect(of([1, 2, 6, 4, 3])).toThrow("conv2d: x must have 4 channels, got 3 in [1,2,6,4,3]");
    }));
});

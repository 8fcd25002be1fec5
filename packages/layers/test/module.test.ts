import { read, scoped } from "@sew/kernels/testing";
import {
  batchNorm,
  type Context,
  countParameters,
  disposeModule,
  evaluation,
  flatten,
  linear,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  run,
  sequential,
} from "@sew/layers";
import { add, memory, mul, ones, scalar, type Tensor, zeros } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const twice: Module = { forward: (x) => mul(add(x, x), 1) };
const plusOne: Module = { forward: (x) => add(x, 1) };

describe("run", () => {
  it("shows every module's output, from the inside out", () =>
    scoped(() => {
      const inner = sequential({ twice, plusOne });
      const outer = sequential({ inner, last: twice });
      const seen: [Module, number][] = [];
      const context: Context = { training: false, observe: (module, y) => seen.push([module, read(y)[0]!]) };
      run(outer, scalar(3), context);
      expect(seen).toEqual([
        [twice, 6],
        [plusOne, 7],
        [inner, 7],
        [twice, 14],
        [outer, 14],
      ]);
    }));

  it("frees all but the output, and what an observer keeps", () => {
    const x = ones([4]);
    const before = memory().numTensors;
    const kept: Tensor[] = [];
    const observe = (module: Module, y: Tensor) => {
      if (module === plusOne) kept.push(y.clone());
    };
    const y = run(sequential({ twice, plusOne, again: twice }), x, { training: false, observe });
    expect(kept).toHaveLength(1);
    expect(memory().numTensors - before).toBe(1);
    for (const t of [x, y]) t.dispose();
  });
});

describe("a tree of modules", () => {
  const net = () =>
    sequential({
      flatten: flatten(),
      body: sequential({ first: linear(4, 3), norm: batchNorm(3) }),
      last: linear(3, 2, { bias: false }),
    });

  it("names every module by its path, outer before inner", () =>
    expect([...namedModules(net())].map(([name]) => name)).toEqual([
      "",
      "flatten",
      "body",
      "body.first",
      "body.norm",
      "last",
    ]));

  it("has the parameters of a module that is there twice once, under the first name", () => {
    const shared = linear(4, 4);
    const root = sequential({ a: shared, b: shared });
    expect([...namedParameters(root).keys()]).toEqual(["a.weight", "a.bias"]);
    expect(countParameters(root)).toBe(20);
  });

  it("names every parameter and every buffer by its path", () => {
    const root = net();
    expect([...namedParameters(root).keys()]).toEqual([
      "body.first.weight",
      "body.first.bias",
      "body.norm.weight",
      "body.norm.bias",
      "last.weight",
    ]);
    expect([...namedBuffers(root).keys()]).toEqual(["body.norm.runningMean", "body.norm.runningVar"]);
  });

  it("counts what training changes, and not the running statistics", () =>
    expect(countParameters(net())).toBe(4 * 3 + 3 + 3 + 3 + 3 * 2));

  it("gives back all its memory", () => {
    const before = memory().numTensors;
    const root = net();
    expect(memory().numTensors - before).toBe(7);
    disposeModule(root);
    expect(memory().numTensors).toBe(before);
  });
});

describe("sequential", () => {
  it("applies its modules in the order of the record", () =>
    scoped(() => {
      const x = scalar(3);
      expect(read(sequential({ twice, plusOne }).forward(x, evaluation))).toEqual([7]);
      expect(read(sequential({ plusOne, twice }).forward(x, evaluation))).toEqual([8]);
    }));

  it("of nothing is the identity", () =>
    scoped(() => expect(sequential({}).forward(zeros([2, 3]), evaluation).shape).toEqual([2, 3])));
});

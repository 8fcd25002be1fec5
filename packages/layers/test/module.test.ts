import { shown } from "@sew/kernels";
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
import { add, memory, mul, ones, scalar, type Tensor } from "@tensorflow/tfjs-core";
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

  it("shows each module before it runs, too, the outer ones first", () => {
    const [seen, inner]: [string[], Module] = [[], { forward: (x) => x.clone() }];
    const model = sequential({ inner });
    const note = (when: string) => (module: Module) =>
      void seen.push(`${when} ${module === model ? "outer" : "inner"}`);
    const observe = Object.assign(note("after"), { before: note("before") });
    run(model, scalar(0), { training: false, observe }).dispose();
    expect(seen).toEqual(["before outer", "before inner", "after inner", "after outer"]);
  });

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

  it("has a variable that two modules hold once, under the first name", () => {
    const norm = batchNorm(2);
    const view: Module = { ...norm };
    const root = sequential({ norm, view });
    expect([...namedParameters(root).keys()]).toEqual(["norm.weight", "norm.bias"]);
    expect([...namedBuffers(root).keys()]).toEqual(["norm.runningMean", "norm.runningVar"]);
  });

  it("refuses two variables of one name, of which one would be lost", () => {
    const [a, b] = [linear(2, 1, { bias: false }), linear(2, 1, { bias: false })];
    const root: Module = { ...twice, children: { "a.b": a, a: { ...twice, children: { b } } } };
    expect(() => namedParameters(root)).toThrow(
      new RangeError(
        'namedParameters: module must have one variable of each name, got two called "a.b.weight"; put no dot into the names of children and parameters',
      ),
    );
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

  it("of nothing is the identity, and its output is a tensor of its own", () =>
    scoped(() => {
      const x = ones([2, 3]);
      const y = run(sequential({}), x, evaluation);
      expect(read(y)).toEqual(read(x));
      y.dispose();
      expect(x.isDisposed).toBe(false);
    }));

  it.each(["", "a.b", ".", "a#2", "a\u001b[2J", "\u009b", "\u202e", "\n"])("refuses the name %j", (name) =>
    expect(() => sequential({ first: twice, [name]: plusOne })).toThrow(
      new RangeError(`sequential: names must be printable texts without "." and "#", got ${shown(name)}`),
    ),
  );

  it("takes 0, 1, … for names", () =>
    scoped(() => expect(read(sequential({ 0: twice, 1: plusOne }).forward(scalar(3), evaluation))).toEqual([7])));

  it.each([
    [{ a: twice, 7: plusOne }, "names must be all numbers or none, got 7, a; write layer7 for 7"],
    [{ 1: twice, 2: plusOne }, "names that are numbers must be 0, 1, …, got 1; write layer1 for 1"],
    [{ "00": twice }, "names that are numbers must be 0, 1, …, got 00; write layer00 for 00"],
  ])("refuses numbers whose order JavaScript may have changed: %o", (children, message) =>
    expect(() => sequential(children)).toThrow(new RangeError(`sequential: ${message}`)),
  );

  it.each([undefined, null, {}, () => twice])("refuses %o in the place of a module", (child) =>
    expect(() => sequential({ a: child as unknown as Module })).toThrow(
      new TypeError(`sequential: a must be a module, got ${shown(child)}`),
    ),
  );
});

import { use } from "@sew/kernels/testing";
import { disposeModule, type Module } from "@sew/layers";
import {
  adam,
  adamW,
  chain,
  clipByGlobalNorm,
  momentum,
  optimizer as optimizerOf,
  type ParameterTransform,
  scaleBy,
  sgd,
  type Transform,
  weightDecay,
} from "@sew/training";
import { add, getBackend, memory, mul, setBackend, sign, tensor1d, tidy, variable } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

/** Three numbers; −0, which some kernels make 0, is 0. */
const vector = fc
  .array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 3 })
  .map((values) => values.map((value) => value + 0));
/** Values of two parameters, a.weight and a.bias, and of some gradients of each. */
const problems = fc.record({
  weights: fc.tuple(vector, vector),
  gradients: fc.array(fc.tuple(vector, vector), { minLength: 1, maxLength: 4 }),
});
type Problem = typeof problems extends fc.Arbitrary<infer T> ? T : never;

function modelOf([weight, bias]: Problem["weights"]): Module {
  const drawn = (values: number[]) => tidy(() => variable(tensor1d(values)));
  const a: Module = { parameters: { weight: drawn(weight), bias: drawn(bias) }, forward: (x) => x };
  return { children: { a }, forward: (x) => x };
}

const named = ([weight, bias]: Problem["weights"]) => ({ "a.weight": tensor1d(weight), "a.bias": tensor1d(bias) });

/** The values of both parameters after the updates. */
function trained({ weights, gradients }: Problem, transform: Transform, rate = 0.125): number[][] {
  const model = modelOf(weights);
  const optimizer = optimizerOf(model, transform);
  for (const gradient of gradients) tidy(() => optimizer.apply(named(gradient), rate));
  const values = [...optimizer.variables.values()].map((w) => [...w.dataSync()]);
  optimizer.dispose();
  disposeModule(model);
  return values;
}

const same = (one: (problem: Problem) => number[][], other: (problem: Problem) => number[][]): void =>
  fc.assert(
    fc.property(problems, (problem) => {
      expect(one(problem)).toEqual(other(problem));
    }),
  );

const initial = getBackend();
afterAll(() => setBackend(initial));

describe.each(["cpu", "native"] as const)("transforms of gradients on %s", (backend) => {
  it("are taken with this backend", () => use(backend));

  const all: [string, () => Transform][] = [
    ["momentum", () => momentum()],
    ["Nesterov", () => momentum({ nesterov: true })],
    ["adam", () => adam()],
    ["weight decay", () => weightDecay(0.5)],
    ["a clip", () => clipByGlobalNorm(1)],
    ["factors", () => scaleBy((name) => (name === "a.bias" ? 0.5 : 1))],
  ];

  it.each(all)("are the same in a chain of one, and in a chain of chains: %s", (_, make) => {
    same(
      (problem) => trained(problem, make()),
      (problem) => trained(problem, chain(make())),
    );
    same(
      (problem) => trained(problem, chain(clipByGlobalNorm(2), weightDecay(0.25), make())),
      (problem) => trained(problem, chain(chain(clipByGlobalNorm(2)), chain(weightDecay(0.25), chain(make())))),
    );
  });

  it("of no transform, and momentum 0, are plain gradient descent", () => {
    same(
      (problem) => trained(problem, momentum({ momentum: 0 })),
      (problem) => trained(problem, chain()),
    );
    same(
      (problem) => trained(problem, chain()),
      ({ weights, gradients }) =>
        weights.map((values, i) =>
          values.map((w, j) =>
            gradients.reduce((sum, g) => Math.fround(sum - Math.fround(0.125 * g[i]![j]!)), Math.fround(w)),
          ),
        ),
    );
  });

  it.each(all)("a parameter that would go below its lower bound ends there: %s", (_, make) => {
    const model = {
      ...modelOf([
        [2, 2, 2],
        [0, 0, 0],
      ]),
      lowerBounds: {},
    };
    const a = { ...model.children!.a!, lowerBounds: { weight: 1 } };
    const bounded = optimizerOf({ ...model, children: { a } }, make());
    tidy(() =>
      bounded.apply(
        named([
          [1e4, 0, -1e4],
          [1e4, 0, -1e4],
        ]),
        100,
      ),
    );
    const [weight, bias] = [...bounded.variables.values()].map((w) => [...w.dataSync()]);
    expect(weight).toEqual([1, expect.any(Number), expect.any(Number)]);
    expect(weight![2]).toBeGreaterThan(2);
    expect(bias![0]).toBeLessThan(0);
    bounded.dispose();
    disposeModule(model);
  });

  it("adamW without decay is adam, bit for bit", () =>
    same(
      (problem) => trained(problem, adamW({ weightDecay: 0 })),
      (problem) => trained(problem, adam()),
    ));

  it("a fused transform in the middle of a chain has the values of the composed one", () => {
    const composed = ({ fused, ...rest }: ParameterTransform): ParameterTransform => rest;
    for (const make of [() => momentum(), () => adam()]) {
      same(
        (problem) => trained(problem, chain(make(), weightDecay(0.25))),
        (problem) => trained(problem, chain(composed(make()), weightDecay(0.25))),
      );
      same(
        (problem) => trained(problem, make()),
        (problem) => trained(problem, composed(make())),
      );
    }
  });

  it("adamW decays the weights by lr·λ besides Adam's update, where it is to", () =>
    fc.assert(
      fc.property(vector, vector, (weight, bias) => {
        // The update of a gradient of 0 is 0.
        const problem = { weights: [weight, bias], gradients: [[weight.map(() => 0), bias.map(() => 0)]] } as Problem;
        const [w, b] = trained(problem, adamW({ weightDecay: 0.5, where: (name) => name === "a.weight" }));
        for (const [i, value] of w!.entries())
          expect(value).toBeCloseTo(Math.fround(weight[i]!) * (1 - 0.125 * 0.5), 5);
        expect(b).toEqual(bias.map((value) => Math.fround(value)));
      }),
    ));

  it("sgd with weight decay adds λ·w before the momentum", () =>
    same(
      (problem) => trained(problem, sgd({ weightDecay: 0.5, momentum: 0.5 })),
      (problem) => trained(problem, chain(weightDecay(0.5), momentum({ momentum: 0.5 }))),
    ));

  it("factors scale each parameter's update, and 0 leaves it as it is", () =>
    fc.assert(
      fc.property(problems, (problem) => {
        const [w, b] = trained(
          problem,
          chain(
            momentum(),
            scaleBy((name) => (name === "a.bias" ? 0 : 0.5)),
          ),
        );
        const expected = trained(problem, momentum(), 0.0625)[0]!;
        // Half of a subnormal number rounds; of all others it is exact.
        for (const [i, value] of w!.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(2 ** -140);
        expect(b).toEqual(problem.weights[1].map((value) => Math.fround(value)));
      }),
    ));
});

describe("a chain", () => {
  const problem: Problem = {
    weights: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    gradients: [
      [
        [1, -2, 0],
        [8, 0, -1],
      ],
    ],
  };

  it("takes a function of all gradients, and an object of one's own", () => {
    const half = (gradients: ReturnType<typeof named>) =>
      Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, mul(g, 0.5)]));
    const signDescent: ParameterTransform = { name: "sign", update: ({ gradient }) => [sign(gradient)] };
    expect(trained(problem, chain(signDescent, half as Transform), 1)).toEqual([
      [0.5, 2.5, 3],
      [3.5, 5, 6.5],
    ]);
  });

  it("keeps the state of one's own transform under its name, for the parameters that it transforms", async () => {
    const count: ParameterTransform = {
      name: "count",
      slots: ["calls"],
      where: (name) => name === "a.bias",
      update: ({ gradient, slots, step }) => [gradient, mul(add(slots.calls!, 1), step > 0 ? 1 : 0)],
    };
    const model = modelOf(problem.weights);
    const optimizer = optimizerOf(model, chain(count, momentum()));
    for (let i = 0; i < 3; i++) tidy(() => optimizer.apply(named(problem.gradients[0]!), 0));
    const { step, slots } = await optimizer.state();
    expect([step, ...slots.keys()]).toEqual([3, "calls/a.bias", "velocity/a.weight", "velocity/a.bias"]);
    expect([...slots.get("calls/a.bias")!]).toEqual([3, 3, 3]);
    optimizer.dispose();
    disposeModule(model);
  });

  it("goes on where its state was taken, whatever it is made of", async () => {
    const transform = () =>
      chain(
        clipByGlobalNorm(1),
        adamW({ where: (name) => name === "a.weight" }),
        scaleBy(() => 0.5),
      );
    const [one, other] = [modelOf(problem.weights), modelOf(problem.weights)];
    const [a, b] = [optimizerOf(one, transform()), optimizerOf(other, transform())];
    const update = (optimizer: typeof a) => tidy(() => optimizer.apply(named(problem.gradients[0]!), 0.1));
    update(a);
    b.restore(await a.state());
    for (const [name, w] of a.variables) b.variables.get(name)!.assign(w);
    for (let i = 0; i < 3; i++) for (const each of [a, b]) update(each);
    const values = ({ variables }: typeof a) => [...variables.values()].map((w) => [...w.dataSync()]);
    expect(values(b)).toEqual(values(a));
    for (const each of [a, b]) each.dispose();
    for (const model of [one, other]) disposeModule(model);
  });

  it("leaves no tensor behind, and a parameter without a gradient as it is", () => {
    const model = modelOf(problem.weights);
    const optimizer = optimizerOf(
      model,
      chain(
        weightDecay(0.1),
        clipByGlobalNorm(1),
        adamW(),
        scaleBy(() => 0.5),
      ),
    );
    const { "a.bias": bias, ...rest } = named(problem.gradients[0]!);
    const before = memory().numTensors;
    for (let i = 0; i < 3; i++) optimizer.apply(rest, 0.1);
    expect(memory().numTensors).toBe(before);
    expect([...optimizer.variables.get("a.bias")!.dataSync()]).toEqual([4, 5, 6]);
    for (const g of [bias, ...Object.values(rest)]) g.dispose();
    optimizer.dispose();
    disposeModule(model);
  });

  it("refuses two slots of one name, and leaves no tensor", () => {
    const model = modelOf(problem.weights);
    const before = memory().numTensors;
    expect(() => optimizerOf(model, chain(momentum(), momentum({ nesterov: true })))).toThrow(
      new RangeError(
        "optimizer: transforms of a chain must have slots of different names, got velocity/a.weight twice; rename one of them",
      ),
    );
    expect(memory().numTensors).toBe(before);
    disposeModule(model);
  });

  it.each([
    [() => weightDecay(-1), "weightDecay: decay must be a finite number of at least 0, got -1"],
    [() => sgd({ momentum: 1 }), "momentum: momentum must be at least 0 and below 1, got 1"],
    [() => adamW({ weightDecay: Number.NaN }), "weightDecay: decay must be a finite number of at least 0, got NaN"],
  ])("refuses options out of range (%#)", (make, message) => expect(make).toThrow(new RangeError(message)));

  it("refuses a factor that is none, and names the parameter", () => {
    const model = modelOf(problem.weights);
    expect(() =>
      optimizerOf(
        model,
        scaleBy(() => Number.NaN),
      ),
    ).toThrow(new RangeError("scaleBy: factor must be a finite number of at least 0 for a.weight, got NaN"));
    disposeModule(model);
  });
});

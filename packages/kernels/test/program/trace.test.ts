/** @file What a trace refuses, what it falls back from, and that it leaves nothing behind. */
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import {
  detach,
  type NeuronDefinition,
  type NeuronState,
  neuronFormula,
  runProgram,
  tracedAs,
  withSlope,
} from "@sew/kernels";
import { read, scoped } from "@sew/kernels/testing";
import {
  add,
  addN,
  broadcastTo,
  cast,
  clipByValue,
  cumsum,
  customGrad,
  engine,
  expandDims,
  fill,
  grad,
  greater,
  greaterEqual,
  keep,
  leakyRelu,
  less,
  logSoftmax,
  memory,
  mul,
  ones,
  onesLike,
  randomUniform,
  reshape,
  round,
  scalar,
  sin,
  squaredDifference,
  squeeze,
  sub,
  sum,
  type Tensor,
  tensor1d,
  tensor2d,
  tile,
  transpose,
  variable,
  where,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it, vi } from "vitest";

const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
afterEach(() => warn.mockClear());

type Params = Readonly<Record<string, number | Tensor>>;
type Charge = (v: Tensor, x: Tensor, params: Params) => Tensor;

const spike = withSlope((u) => cast(greaterEqual(u, 0), "float32"), onesLike);

let models = 0;

/** A neuron of this charge, under a name of its own. */
function charging(charge: Charge, params: Params = {}, name = `model${models++}`): NeuronDefinition<Params> {
  return {
    name,
    params,
    state: () => ({ v: 0 }),
    step({ v }, x, given) {
      const h = tracedAs("charge", () => charge(v!, x, given));
      return { spikes: tracedAs("fire", () => spike(sub(h, 1))), state: { v: h } };
    },
  };
}

/** A message with the place in this file left out. */
const withoutPlace = (message: unknown): string =>
  String(message).replace(/ \(\S*trace\.test\.ts:\d+:\d+\)/, " (here)");

const slower = ". The neuron runs as composed operations, several times slower than a fused kernel.";

describe("a step that cannot be traced", () => {
  const operations = "the README of @sew/neurons lists the operations that can be";
  const compute = "compute with tensors: where(condition, a, b) chooses between values";
  const again = "computes something else for x of another shape or when called again, from";
  const numbers =
    "take numbers from the parameters and the state, not from shapes, random numbers or variables that change";
  let calls = 0;
  it.each<[string, Charge, string]>([
    [
      "an operation along an axis",
      (v, x) => add(v, cumsum(x)),
      `calls cumsum, which cannot be traced (here); ${operations}`,
    ],
    [
      "an op of several kernels",
      (v, x) => add(v, logSoftmax(x)),
      `calls logSoftmax, which cannot be traced (here); ${operations}`,
    ],
    [
      "an operation that tfjs computes in float64",
      (v, x) => squaredDifference(v, x),
      `calls squaredDifference, which cannot be traced (here); ${operations}`,
    ],
    [
      "a factor that float32 has not",
      (v, x) => leakyRelu(add(v, x), 0.2),
      `calls leakyRelu of float32, which cannot be traced (here); ${operations}`,
    ],
    ["a list of tensors", (v, x) => addN([v, x]), `calls addN, which cannot be traced (here); ${operations}`],
    [
      "whole numbers",
      (v, x) => add(v, cast(x, "int32")),
      `calls cast of float32, which cannot be traced (here); ${operations}`,
    ],
    [
      "values at other places",
      (v, x) => add(v, reshape(reshape(x, [x.size]), x.shape)),
      `calls reshape, which moves values to other places (here); ${operations}`,
    ],
    [
      "a transposed step",
      (v, x) => add(v, transpose(transpose(x))),
      `calls transpose, which cannot be traced (here); ${operations}`,
    ],
    [
      "repeated elements",
      (v, x) => add(v, sum(reshape(tile(x, [1, 2]), [2, ...x.shape]), 0)),
      `calls tile of float32, which cannot be traced (here); ${operations}`,
    ],
    [
      "values read with dataSync",
      (v, x) => (x.dataSync()[0]! > 1 ? v : add(v, x)),
      `reads the values of a tensor (here); ${compute}`,
    ],
    [
      "values read with arraySync, though the error is caught",
      (v, x) => {
        try {
          return mul(v, (x.arraySync() as number[][])[0]![0]!);
        } catch {
          return v;
        }
      },
      `reads the values of a tensor (here); ${compute}`,
    ],
    ["a printed tensor", (v, x) => (`${x}` === "" ? v : add(v, x)), `reads the values of a tensor (here); ${compute}`],
    [
      "a gradient of its own",
      (v, x) => add(v, customGrad((u) => ({ value: (u as Tensor).clone(), gradFunc: (dy) => dy }))(x)),
      "calls customGrad, whose derivative a trace cannot see (here); use withSlope of @sew/kernels instead",
    ],
    [
      "a gradient inside the step",
      (v, x) => add(v, grad((u) => mul(u, u))(x)),
      "takes a gradient, which cannot be traced (here); write the derivative, or use withSlope",
    ],
    ["a number from a size", (v, x) => add(v, mul(x, x.size / 10)), `${again} mul on (here); ${numbers}`],
    [
      "a number from the last axis",
      (v, x) => add(v, clipByValue(x, 0, x.shape.at(-1)!)),
      `${again} clipByValue on (here); ${numbers}`,
    ],
    ["a number from the first axis", (v, x) => add(v, mul(x, x.shape[0]!)), `${again} mul on (here); ${numbers}`],
    [
      "operations by the rank",
      (v, x) => (x.rank > 2 ? add(v, x) : add(v, mul(x, 0.5))),
      `${again} add on (here); ${numbers}`,
    ],
    [
      "a cut of the gradient by the rank",
      (v, x) => add(x.rank > 2 ? detach(v) : v, x),
      `${again} detach on (here); ${numbers}`,
    ],
    [
      "equal values for as many channels as a trace has",
      (v, x) => where(greaterEqual(x, 0), add(v, mul(x, ones([3]))), fill([3], 1)),
      "makes a tensor [3], which does not fit every x (here); use numbers, x.shape, or a parameter of the model",
    ],
    [
      "two axes alone",
      (v, x) => add(v, mul(x, fill(x.shape.slice(0, 2), 1))),
      "makes a tensor [5,2], which does not fit every x (here); use numbers, x.shape, or a parameter of the model",
    ],
    [
      "a tensor of different values",
      (v, x) => add(v, mul(x, tensor1d([1, 2, 3]))),
      "makes a tensor [3] of different values (here); use numbers, or make it a parameter of the model",
    ],
  ])("runs as composed operations with one warning: %s", (_, charge, why) =>
    scoped(() => {
      const definition = charging(charge);
      const [formula, again] = [neuronFormula(definition), neuronFormula(definition)];
      expect(warn.mock.calls.map(([message]) => withoutPlace(message))).toEqual([
        `${definition.name}: charge ${why}${slower}`,
      ]);
      for (const { program, untraced, parameters, stateNames } of [formula, again]) {
        expect([program, parameters, stateNames]).toEqual([undefined, [], ["v"]]);
        expect(withoutPlace(untraced)).toBe(`${definition.name}: charge ${why}`);
      }
      const [v, x] = [tensor2d([[0, 0, 0]]), tensor2d([[1, 2, 3]])];
      expect(read(formula.step({ v }, x).state.v!)).toEqual(read(charge(v, x, {})));
    }),
  );

  it.each<[string, Charge, string]>([
    ["a random number", (v, x) => add(v, mul(x, Math.random())), `charge ${again} mul on (here); ${numbers}`],
    ["a random tensor", (v, x) => add(v, mul(x, randomUniform([]))), `charge ${again} mul on (here); ${numbers}`],
    ["a variable that changes", (v, x) => add(v, mul(x, calls++)), `charge ${again} mul on (here); ${numbers}`],
    [
      "equal values for so many channels",
      (v, x) => add(v, mul(x, ones([5]))),
      "charge makes a tensor [5], which does not fit every x (here); use numbers, x.shape, or a parameter of the model",
    ],
  ])("runs as composed operations with a warning: %s", (_, charge, why) => {
    const definition = charging(charge);
    expect(withoutPlace(neuronFormula(definition).untraced)).toBe(`${definition.name}: ${why}`);
  });

  it("warns of what the last line does, too, though it catches the error", () => {
    const definition = charging((v, x) => add(v, x));
    const step: typeof definition.step = (state, x, params) => {
      const after = definition.step(state, x, params);
      try {
        x.dataSync();
      } catch {}
      return after;
    };
    expect(neuronFormula({ ...definition, step }).program).toBeUndefined();
    expect(withoutPlace(warn.mock.calls[0]![0])).toContain(
      `${definition.name}: step reads the values of a tensor (here)`,
    );
  });

  it("names the line that calls the operation, not one of tfjs or of these packages", () => {
    const charge: Charge = (v, x) => add(v, cumsum(x));
    const line = Number(/trace\.test\.ts:(\d+)/.exec(new Error().stack!)![1]) - 1;
    neuronFormula(charging(charge));
    expect(warn.mock.calls[0]![0]).toContain(`/packages/kernels/test/program/trace.test.ts:${line}:`);
  });

  it("names the line of a model of @sew where it calls the operation, and that of the user who calls the model", () => {
    const filename = fileURLToPath(new URL("../../../neurons/dist/softLeak.js", import.meta.url));
    const source = "(cumsum) => ({ v }, x) => ({ spikes: cumsum(x), state: { v } })";
    const step: NeuronDefinition["step"] = runInThisContext(source, { filename })(cumsum);
    const definition = charging((v) => v);
    const said = (untraced: string | undefined) => untraced!.slice(untraced!.indexOf("cannot be traced"));
    expect(said(neuronFormula({ ...definition, step }).untraced)).toBe(
      `cannot be traced (${filename}:1:38); ${operations}`,
    );
    const own: NeuronDefinition["step"] = (state, x, params) => step(state, x, params);
    expect(withoutPlace(said(neuronFormula({ ...definition, step: own }).untraced))).toBe(
      `cannot be traced (here); ${operations}`,
    );
  });

  it("warns of each model, of the same name, too", () => {
    neuronFormula(charging((v, x) => add(v, cumsum(x)), {}, "namesake"));
    neuronFormula(charging((v, x) => add(v, logSoftmax(x)), {}, "namesake"));
    expect(warn.mock.calls.map(([message]) => /calls (\w+)/.exec(message)![1])).toEqual(["cumsum", "logSoftmax"]);
  });

  it("warns of a slope that comes out otherwise", () => {
    const sloped = (u: Tensor) => withSlope((u) => mul(u, 1), u.rank > 2 ? onesLike : zerosLike)(u);
    expect(withoutPlace(neuronFormula(charging((v, x) => sloped(add(v, x)), {}, "sloped")).untraced)).toBe(
      `sloped: the slope in charge ${again} onesLike on (here); ${numbers}`,
    );
  });

  it("warns of a step that fails for x of another rank, with its error", () => {
    const definition = charging((v, x) => {
      if (x.rank !== 2) throw new RangeError("x must be [N, C]");
      return add(v, x);
    });
    expect(neuronFormula(definition).untraced).toBe(
      `${definition.name}: step fails for x [5,2,1,4] (x must be [N, C]), though not for x [2,3]; ${numbers}`,
    );
  });

  it("warns of a state at rest and of spikes that come out otherwise", () => {
    const definition = charging((v, x) => add(v, x));
    const state = () => ({ v: calls++ });
    expect(neuronFormula({ ...definition, state }).untraced).toBe(
      `${definition.name}: state ${again} v on; ${numbers}`,
    );
    const step: typeof definition.step = (before, x) => ({ spikes: x.rank > 2 ? x : before.v!, state: { v: x } });
    expect(neuronFormula({ ...definition, step }).untraced).toBe(
      `${definition.name}: step ${again} the spikes on; ${numbers}`,
    );
  });

  it("names the slope where that is what cannot be traced", () => {
    const counted = withSlope(round, (u) => cumsum(u));
    neuronFormula(charging((v, x) => counted(add(v, x)), {}, "counted"));
    expect(withoutPlace(warn.mock.calls[0]![0])).toBe(
      `counted: the slope in charge calls cumsum, which cannot be traced (here); ${operations}${slower}`,
    );
  });
});

describe("a step that is wrong", () => {
  const elsewhere = scalar(2);
  it.each<[string, Charge, Params, string]>([
    [
      "reads a tensor that is no parameter",
      (v, x) => add(v, mul(x, elsewhere)),
      {},
      "charge must read nothing but the state, x and the parameters, got another tensor [] (here); make it a parameter of the model, or a number",
    ],
    [
      "reads a parameter from elsewhere",
      (v, x) => add(v, mul(x, elsewhere)),
      { gain: elsewhere },
      "charge must take its parameters from its argument, got gain from elsewhere (here); read params",
    ],
    [
      "compares a tensor as a number",
      (v, x) => ((v as unknown as number) > 0 ? v : add(v, x)),
      {},
      "charge must compute with tfjs operations, got a tensor used as a number (here); write add(a, b) for a + b, and where(condition, a, b) for a choice",
    ],
    [
      "computes with a parameter as with a number",
      (v, x, { gain }) => add(v, mul(x, 1 - (gain as number))),
      { gain: elsewhere },
      "charge must compute with tfjs operations, got a tensor used as a number (here); write add(a, b) for a + b, and where(condition, a, b) for a choice",
    ],
    [
      "waits for values",
      (v, x) => {
        void x.data();
        return add(v, x);
      },
      {},
      "charge must return at once, got a wait for the values of a tensor (here); compute with tensors: where(condition, a, b) chooses between values",
    ],
    [
      "passes gradients through a comparison",
      (v, x) => add(v, cast(greater(x, 1), "float32")),
      {},
      "charge must have a derivative where gradients pass, got greater (here); detach(…) what it receives, or give it a derivative with withSlope(…)",
    ],
    [
      "chooses by a comparison that gradients pass through",
      (v, x) => where(less(x, 1), v, x),
      {},
      "charge must have a derivative where gradients pass, got less (here); detach(…) what it receives, or give it a derivative with withSlope(…)",
    ],
  ])("is refused when it %s", (_, charge, params, message) => {
    const definition = charging(charge, params);
    const before = memory().numTensors;
    let error: unknown;
    try {
      neuronFormula(definition);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect(withoutPlace((error as Error).message)).toBe(`${definition.name}: ${message}`);
    expect([memory().numTensors, warn.mock.calls]).toEqual([before, []]);
  });

  it("is refused by tfjs, too, when gradients pass through a comparison, and not when it is detached", () =>
    scoped(() => {
      const x = tensor1d([0.5, 2]);
      expect(() => grad((u) => where(less(u, 1), mul(u, 2), u))(x)).toThrow("gradient function not found for Less");
      const charge: Charge = (v, x) => add(v, where(less(detach(x), 1), mul(x, 2), x));
      expect(read(grad((u) => charge(mul(0, u), u, {}))(x))).toEqual([2, 1]);
      expect(neuronFormula(charging(charge)).program).toBeDefined();
    }));

  describe("and compares a variable without a derivative", () => {
    const comparing = (n: Tensor | number, next: (n: Tensor, x: Tensor, v: Tensor) => Tensor, params: Params = {}) => ({
      name: "counter",
      params,
      state: (given: Params) => ({ v: 0, n: typeof n === "number" ? n : given.n! }),
      step: ({ v, n }: NeuronState, x: Tensor) => {
        const h = where(less(n!, 2), add(v!, x), add(v!, mul(x, 0.5)));
        return { spikes: spike(sub(h, 1)), state: { v: h, n: next(n!, x, v!) } };
      },
    });
    const refused = "counter: step must have a derivative where gradients pass, got less";
    const start = scalar(1);

    it("has a program where neither x nor a parameter moves it, with the gradients of tfjs", () =>
      scoped(() => {
        const formula = neuronFormula(comparing(0, (n) => add(n, 1)));
        expect(formula.program).toBeDefined();
        const [x, v, dv] = [tensor1d([1, 0.5]), tensor1d([0, 0.25]), tensor1d([3, 4])];
        for (const n of [1, 2].map((count) => fill([2], count))) {
          const [dx] = runProgram(formula.program!.backward, [v, n, x, zerosLike(x), dv, onesLike(x)]);
          expect(read(dx!)).toEqual(read(grad((x) => mul(dv, formula.step({ v, n }, x).state.v!))(x)));
        }
      }));

    it.each<[string, Tensor | number, (n: Tensor, x: Tensor, v: Tensor) => Tensor, Params]>([
      ["x moves it", 0, (n, x) => add(n, x), {}],
      ["another variable moves it, which x moves", 0, (_, __, v) => mul(v, 1), {}],
      ["it starts at a parameter", start, (n) => add(n, 1), { n: start }],
    ])("is refused where %s", (_, n, next, params) =>
      expect(() => neuronFormula(comparing(n, next, params))).toThrow(refused),
    );
  });

  it("is refused when it does not read what training changes, and then alone", () => {
    const [w, read] = [variable(scalar(1)), variable(scalar(1))];
    const charge: Charge = (v, x, { read }) => add(v, mul(x, read!));
    expect(() => neuronFormula(charging(charge, { w, read }, "forgetful"))).toThrow(
      new TypeError(
        "forgetful: w must be read by the step or the initial state, since it is learned, got a variable that neither reads; pass a number",
      ),
    );
    expect(neuronFormula(charging(charge, { w: 1, read })).parameters).toEqual([read]);
    const kept = w.clone();
    expect(neuronFormula(charging(charge, { w: kept, read })).parameters).toEqual([read]);
    for (const t of [w, read, kept]) t.dispose();
  });
});

describe("a trace", () => {
  it("records what only renames values: shapes of scalars and channels, copies and fills", () =>
    scoped(() => {
      const charge: Charge = (v, x, { a, b }) => {
        const [rows, channels] = x.shape.slice(-2) as [number, number];
        const wide = tile(expandDims(b!, 0), [rows, 1]);
        const scaled = mul(broadcastTo(a!, [rows, channels]), squeeze(reshape(b!, [1, -1])));
        return add(add(v.clone(), mul(x, wide)), add(scaled, fill(x.shape, 0.5)));
      };
      const { program } = neuronFormula(charging(charge, { a: scalar(1), b: tensor1d([1, 2]) }));
      expect(program!.parameters).toEqual([
        { name: "a", rate: "scalar" },
        { name: "b", rate: "channel" },
      ]);
      expect(program!.forward.instructions.map(({ op }) => op)).not.toContain("select");
    }));

  it.each<[string, (u: Tensor) => Tensor, object]>([
    ["bits", spike, { kind: "bits" }],
    ["bits", (u) => mul(spike(u), spike(sub(2, u))), { kind: "bits" }],
    ["counts", withSlope((u) => round(clipByValue(u, 0, 4)), onesLike), { kind: "counts", most: 4 }],
    ["counts", (u) => add(spike(u), spike(sub(u, 1))), { kind: "counts", most: 2 }],
    ["reals", (u) => clipByValue(u, 0, 4), { kind: "reals" }],
    ["reals", (u) => round(u), { kind: "reals" }],
    ["reals", (u) => sub(spike(u), 1), { kind: "reals" }],
  ])("finds that spikes are %s", (_, fire, kind) => {
    const { program } = neuronFormula({
      name: "firing",
      params: {},
      state: () => ({ v: 0 }),
      step: ({ v }, x) => ({ spikes: fire(add(v!, x)), state: { v: v! } }),
    });
    expect(program!.spikes).toEqual(kind);
  });

  it("needs no backend, and leaves the engine, its memory and its tape as they were", () => {
    const noBackend = vi.spyOn(engine(), "backend", "get").mockImplementation(() => {
      throw new Error("no backend");
    });
    const own = Object.getOwnPropertyNames(engine());
    const { numTensors, numBytes, numDataBuffers } = engine().state;
    neuronFormula(charging((v, x) => add(v, mul(0.5, x))));
    expect(() => neuronFormula(charging((v) => elsewhereOf(v)))).toThrow("elsewhere");
    const { state } = engine();
    expect([state.numTensors, state.numBytes, state.numDataBuffers]).toEqual([numTensors, numBytes, numDataBuffers]);
    expect(Object.getOwnPropertyNames(engine())).toEqual(own);
    noBackend.mockRestore();
    scoped(() => {
      const w = scalar(3);
      const dw = grad((u) => {
        const { program } = neuronFormula(charging((v, x, params) => add(v, mul(x, params.u!)), { u }));
        expect([program, engine().state.activeTape]).toEqual([expect.anything(), []]);
        return mul(u, u);
      })(w);
      expect(read(dw)).toEqual([6]);
    });
  });

  it("starts a second one inside the first, of another model", () => {
    const inner = charging((v, x) => add(v, x));
    const charge: Charge = (v, x) => {
      expect(neuronFormula(inner).program).toBeDefined();
      return add(v, x);
    };
    expect(neuronFormula(charging(charge)).program).toBeDefined();
  });

  it("has parameters of their own type: truth values choose, whole numbers count", () =>
    scoped(() => {
      const charge: Charge = (v, x, { mask, n }) => add(v, where(mask!, mul(x, n!), x));
      const params = { mask: tensor1d([1, 0, 1], "bool"), n: tensor1d([2, 3, 4], "int32") };
      const formula = neuronFormula(charging(charge, params));
      const [v, x] = [tensor2d([[0, 0, 0]]), tensor2d([[1, 2, 3]])];
      const names = formula.program!.parameters.map(({ name }) => cast(params[name as "n"], "float32"));
      const [, after] = runProgram(formula.program!.forward, [v, x, ...names]);
      expect(read(after!)).toEqual([2, 2, 12]);
      expect(read(formula.step({ v }, x).state.v!)).toEqual([2, 2, 12]);
    }));

  it("takes a chain of operations longer than the stack is deep", () => {
    const { program } = neuronFormula(
      charging((v, x) => {
        let y = add(v, x);
        for (let i = 0; i < 20_000; i++) y = i % 2 ? mul(y, 0.999) : sin(y);
        return y;
      }),
    );
    expect(program!.forward.instructions.length).toBeGreaterThan(20_000);
  });

  it("leaves tensors without values to those that keep them", async () => {
    let seen: Tensor | undefined;
    const constant: { of?: Tensor } = {};
    const charge: Charge = (v, x) => {
      seen ??= keep(x);
      constant.of ??= keep(scalar(0.5));
      return add(mul(v, constant.of), x);
    };
    const formula = neuronFormula(charging(charge));
    const message = "A tensor that a traced function received or computed has no values";
    expect(() => seen!.dataSync()).toThrow(new Error(message));
    await expect(seen!.data()).rejects.toThrow(new Error(message));
    scoped(() => {
      const [v, x] = [tensor2d([[1, 2]]), tensor2d([[3, 4]])];
      expect(read(formula.step({ v }, x).state.v!)).toEqual([3.5, 5]);
    });
    for (const t of [constant.of!, seen!]) t.dispose();
  });

  it("traces constants that a step makes as tensors", () =>
    expect(neuronFormula(charging((v, x) => add(mul(v, scalar(0.5)), mul(ones(x.shape), x)))).program).toBeDefined());
});

function elsewhereOf(_: Tensor): never {
  throw new Error("elsewhere");
}

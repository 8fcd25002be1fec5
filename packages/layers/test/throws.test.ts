/** @file A pass that throws half-way leaves no tensor behind. */
import { describeBackends } from "@sew/kernels/testing";
import {
  batchNorm,
  conv2d,
  convNorm,
  convNormNeuron,
  disposeModule,
  dropout,
  flatten,
  freeAfterUse,
  linear,
  type Module,
  namedParameters,
  neurons,
  recomputed,
  run,
  type Sequential,
  sequential,
  stream,
  summary,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import { composed, lif, neuron, plif, unroll } from "@sew/neurons";
import { customGrad, engine, memory, mul, type Scalar, sum, type Tensor, variableGrads } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

const stop = new Error("stop");

/** The identity, which throws at its n-th run, or in the n-th backward pass through it. */
function thrower(where: "forward" | "backward", at = 1): Module {
  let calls = 0;
  const count = (pass: typeof where): void => {
    if (pass === where && ++calls === at) throw stop;
  };
  const identity = customGrad((x: unknown) => ({
    value: (x as Tensor).clone(),
    gradFunc: (dy: Tensor) => {
      count("backward");
      return dy.clone();
    },
  }));
  return {
    forward(x) {
      const halfWay = mul(x, 2);
      count("forward");
      return identity(halfWay);
    },
  };
}

/** Layers that keep a shape `[T, N, 4, 4, 2]`, each with other things to free. */
const layers: Readonly<Record<string, () => Module>> = {
  convolution: () => conv2d(2, 2),
  depthwise: () => conv2d(2, 2, { groups: 2, dilation: 2, bias: true }),
  norm: () => batchNorm(2),
  neurons: () => neurons(plif)(2),
  composed: () => neurons(lif, { vReset: -1, reset: "soft" })(2),
  unit: () => convNormNeuron(2, 2, neurons(lif)),
  recomputed: () => convNormNeuron(2, 2, neurons(plif), { recompute: true }),
  dropout: () => dropout(0.5),
  nested: () => sequential({ conv: convNorm(2, 2), neuron: neurons(lif)(2) }),
};

const nets = fc
  .record({
    before: fc.array(fc.constantFrom(...Object.keys(layers)), { maxLength: 3 }),
    inside: fc.boolean(),
    recompute: fc.boolean(),
    after: fc.array(fc.constantFrom(...Object.keys(layers)), { maxLength: 3 }),
  })
  .map(({ before, inside, recompute, after }) => ({
    name: `${before} | ${inside ? "inside" : ""} ${recompute ? "recompute" : ""} | ${after}`,
    make(culprit: Module): Sequential {
      const row = (names: readonly string[], prefix: string) =>
        Object.fromEntries(names.map((name, i) => [`${prefix}${i}`, layers[name]!()]));
      const middle = inside ? sequential({ conv: conv2d(2, 2), culprit, norm: batchNorm(2) }) : culprit;
      return sequential({
        ...row(before, "before"),
        middle: recompute ? recomputed(middle) : middle,
        ...row(after, "after"),
      });
    },
  }));

const shape = [3, 2, 4, 4, 2];
const context = { training: true, seed: 3 };
const counts = () => [memory().numTensors, memory().numDataBuffers, engine().state.activeScope?.track.length];

/** Throws unless `pass` ends with {@link stop} and leaves as many tensors and buffers as there were. */
function leavesNothing(pass: () => unknown): void {
  const before = counts();
  expect(pass).toThrow(stop);
  expect(counts()).toEqual(before);
}

describeBackends("a layer that throws", () => {
  it("in the forward pass leaves nothing behind, in run, in stream and in a summary", () =>
    fc.assert(
      fc.property(nets, ({ make }) => {
        const net = make({ ...thrower("forward"), forward: (x, c) => thrower("forward").forward(x, c) });
        const x = spikesOfShape(shape);
        leavesNothing(() => run(net, x, context));
        leavesNothing(() => stream(net, x, undefined, context));
        leavesNothing(() => summary(net, shape));
        x.dispose();
        disposeModule(net);
      }),
      { numRuns: 30 },
    ));

  it.each(["forward", "backward"] as const)("in the %s pass of a gradient leaves nothing behind", (where) =>
    fc.assert(
      fc.property(nets, ({ make }) => {
        const culprit = thrower(where);
        const net = make(culprit);
        // A weight before the culprit, so that the backward pass comes by.
        const whole = sequential({ first: conv2d(2, 2), net });
        const x = spikesOfShape(shape);
        const parameters = [...namedParameters(whole).values()];
        const f = freeAfterUse(() => sum(run(whole, x, context)) as Scalar);
        leavesNothing(() => variableGrads(f, parameters));
        // The pass after it works, and leaves its gradients alone.
        const before = counts();
        const { value, grads } = variableGrads(f, parameters);
        for (const t of [value, ...Object.values(grads)]) t.dispose();
        expect(counts()).toEqual(before);
        x.dispose();
        disposeModule(whole);
      }),
      { numRuns: 30 },
    ),
  );

  it("when it runs again for the backward pass leaves nothing behind", () => {
    const culprit = thrower("forward", 2);
    const whole = sequential({ first: conv2d(2, 2), again: recomputed(sequential({ culprit, norm: batchNorm(2) })) });
    const x = spikesOfShape(shape);
    const f = freeAfterUse(() => sum(run(whole, x, context)) as Scalar);
    leavesNothing(() => variableGrads(f, [...namedParameters(whole).values()]));
    x.dispose();
    disposeModule(whole);
  });

  it("because the input does not fit leaves nothing behind", () => {
    const net = sequential({ conv: conv2d(2, 2), flatten: flatten(), wrong: linear(5, 5) });
    const x = spikesOfShape(shape);
    const before = counts();
    expect(() => run(net, x, context)).toThrow("linear: x must be [T, N, 5], got [3,2,32]");
    expect(() => stream(net, x)).toThrow("linear: x must be [T, N, 5], got [3,2,32]");
    expect(counts()).toEqual(before);
    x.dispose();
    disposeModule(net);
  });

  it("as an observer does leaves nothing behind", () => {
    const net = sequential({ unit: layers.unit!(), again: layers.recomputed!() });
    const x = spikesOfShape(shape);
    for (const training of [true, false]) {
      const observe = (module: Module) => {
        if (module === net.children.again!.children!.neuron) throw stop;
      };
      leavesNothing(() => run(net, x, { training, seed: 1, observe }));
    }
    x.dispose();
    disposeModule(net);
  });
});

describeBackends("unroll with a charge that throws", () => {
  it.each([1, 2, 3])("at step %i leaves nothing behind", (step) => {
    let calls = Number.NEGATIVE_INFINITY;
    const failing = composed(
      neuron({
        ...lif,
        charge(state, x, params) {
          const charged = lif.charge(state, x, params);
          if (++calls === step) throw stop;
          return charged;
        },
      }),
    );
    calls = 0;
    const x = spikesOfShape(shape);
    leavesNothing(() => unroll(failing, x));
    x.dispose();
  });
});

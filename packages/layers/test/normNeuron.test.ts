import { describeBackends, expectClose, float32, imageShapes, read, scoped } from "@sew/kernels/testing";
import {
  type Activation,
  type BatchNorm,
  batchNorm,
  type Context,
  type Module,
  namedBuffers,
  namedParameters,
  neuronLayer,
  neurons,
  normNeuron,
  type ParallelNeuronFactory,
  parallelNeurons,
  run,
} from "@sew/layers";
import { composed, maskedPsn, plif, psn, slidingPsn } from "@sew/neurons";
import {
  fill,
  memory,
  mul,
  sum,
  type Tensor,
  tensor,
  tidy,
  variable,
  variableGrads,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

/** The unit, and what it is to equal: batch norm and then the neuron, each by composed operations. */
interface Both {
  readonly unit: (x: Tensor, context: Context) => Tensor;
  readonly plain: (x: Tensor, context: Context) => Tensor;
  readonly norms: readonly [BatchNorm, BatchNorm];
  readonly layers: readonly [Activation, Activation];
}

/** Layers of the same neurons, the second by composed operations, for sequences of so many steps. */
const models: Readonly<Record<string, (steps: number) => readonly [Activation, Activation]>> = {
  PLIF: () => {
    const make = neurons(plif, { vThreshold: 0.5 });
    const [layer, other] = [make(2), make(2)];
    return [layer, neuronLayer(composed(other.neuron), other.parameters)];
  },
  PSN: (steps) => inParallel(parallelNeurons(psn, { steps })),
  MASKEDPSN: (steps) => inParallel(parallelNeurons(maskedPsn, { steps, lambda: 0.75 })),
  SLIDINGPSN: () => inParallel(parallelNeurons(slidingPsn, { order: 3 })),
};

/** The layer, and one of the same weights whose H is in memory. */
function inParallel(make: ParallelNeuronFactory): readonly [Activation, Activation] {
  const [layer, { parallel, parameters }] = [make(2), make(2)];
  for (const name of ["weight", "bias"] as const) parameters[name].assign(layer.parameters[name]);
  // With it no H of normalised currents such as ±1 is 0.
  for (const { bias } of [layer.parameters, parameters]) bias.assign(fill(bias.shape, -0.34567));
  return [layer, { parameters, forward: (x) => parallel.spike(parallel.charge(x, parameters)) }];
}

function both(model = "PLIF", steps = 1): Both {
  const norms = [batchNorm(2), batchNorm(2)] as const;
  const layers = models[model]!(steps);
  return {
    unit: (x, context) => normNeuron(norms[0], layers[0], x, context),
    plain: (x, context) => layers[1].forward(norms[1].forward(x, context), context),
    norms,
    layers,
  };
}

const kinds = Object.keys(models).flatMap((model) => [true, false].map((training) => ({ model, training })));

const inputs = imageShapes(2, 4).chain((shape) =>
  fc
    .array(float32(-4, 4), { minLength: shape.reduce((a, b) => a * b), maxLength: shape.reduce((a, b) => a * b) })
    // No two values alike, so that no channel's variance vanishes and no potential is on the threshold by design.
    .map((values) => [shape, values.map((v, i) => v + Math.sin(i))] as const),
);

describeBackends("normNeuron", () => {
  it.each(kinds)("is batch norm and then the neuron: $model, training $training", ({ model, ...context }) =>
    fc.assert(
      fc.property(inputs, ([shape, values]) =>
        scoped(() => {
          const { unit, plain, norms } = both(model, shape[0]);
          const x = tensor(values, shape);
          expect(read(unit(x, context))).toEqual(read(plain(x, context)));
          for (const name of ["runningMean", "runningVar"] as const) {
            expectClose(norms[0].buffers[name], norms[1].buffers[name]);
          }
        }),
      ),
      { numRuns: 30 },
    ),
  );

  it.each(kinds)(
    "has the gradients of batch norm and then the neuron: $model, training $training",
    ({ model, ...context }) =>
      fc.assert(
        fc.property(inputs, ([shape, values]) =>
          scoped(() => {
            const { unit, plain, norms, layers } = both(model, shape[0]);
            const x = tensor(values, shape);
            const dy = tensor(
              values.map((_, i) => Math.cos(i)),
              shape,
            );
            const gradients = (f: Both["unit"], i: 0 | 1) => {
              const input = variable(x);
              const of = [...Object.values(norms[i].parameters), ...Object.values(layers[i].parameters!), input];
              const { grads } = variableGrads(() => sum(mul(f(input, context), dy)), of);
              return of.flatMap((p) => read(grads[p.name]!));
            };
            expectClose(gradients(unit, 0), gradients(plain, 1), { relative: 1e-3, absolute: 1e-3 });
          }),
        ),
        { numRuns: 30 },
      ),
  );

  it.each([{ training: true }, { training: false }])(
    "refuses neurons with parameters for another number of channels, training $training",
    (context) =>
      scoped(() => {
        const x = zeros([3, 1, 4, 4, 2]);
        const message =
          "plif: vThreshold must have 1 value or one for each of the 2 channels of x [3,1,4,4,2], got [3]";
        const layer = neurons(plif, { vThreshold: fill([3], 0.5) })(2);
        for (const own of [layer, neuronLayer(composed(layer.neuron))]) {
          expect(() => normNeuron(batchNorm(2), own, x, context)).toThrow(new RangeError(message));
        }
      }),
  );

  it("shows its spikes to the observer", () =>
    scoped(() => {
      const { unit, layers } = both();
      const seen: Module[] = [];
      const x = tensor([1, 2, 3, 4], [1, 2, 1, 1, 2]);
      const spikes = unit(x, {
        training: true,
        observe: (module, y) => {
          seen.push(module);
          if (module === layers[0]) expect(y.shape).toEqual(x.shape);
        },
      });
      expect(seen.at(-1)).toBe(layers[0]);
      expect(spikes.shape).toEqual(x.shape);
    }));

  it.each([true, false])("shows the input of its neurons, which no kernel has in memory, in training %s", (training) =>
    scoped(() => {
      const { unit, norms, layers } = both();
      const x = tensor([1, 2, 3, 4, 5, 9], [3, 1, 1, 1, 2]);
      const before = namedBuffers(norms[0]).values();
      const expected = read(run(norms[1], x, { training }));
      const seen: Module[] = [];
      unit(x, {
        training,
        observe(module, _, input) {
          seen.push(module);
          if (module === layers[0]) expectClose(input(), expected, { relative: 1e-5, absolute: 1e-6 });
        },
      });
      expect(seen.at(-1)).toBe(layers[0]);
      // Looking does not move the running statistics a second time.
      expect([...before].map(read)).toEqual([...namedBuffers(norms[1]).values()].map(read));
    }),
  );

  it("leaves nothing but its gradients behind", () => {
    const { unit, norms, layers } = both();
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 2, 1, 2]);
    const before = memory().numTensors;
    const parameters = [...namedParameters(norms[0]).values(), ...namedParameters(layers[0]).values()];
    const { value, grads } = variableGrads(() => sum(tidy(() => unit(x, { training: true }))), parameters);
    expect(memory().numTensors - before).toBe(4);
    for (const t of [value, ...Object.values(grads), x]) t.dispose();
  });
});

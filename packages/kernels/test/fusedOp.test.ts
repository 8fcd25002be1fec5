import {
  applyAdamKernel,
  applyMomentumKernel,
  batchNormTrainingKernel,
  type FusedKernel,
  type FusedListKernel,
  fusedOp,
  hasKernel,
  moveStatisticsKernel,
  multiStepNeuron,
  multiStepNeuronKernel,
  type NeuronFormula,
  type NeuronProgram,
  type NormNeuronAttrs,
  normNeuron,
  normNeuronKernel,
  normNeuronTraining,
  normNeuronTrainingKernel,
  normParallelNeuron,
  normParallelNeuronKernel,
  normParallelNeuronTraining,
  normParallelNeuronTrainingKernel,
  parallelNeuron,
  parallelNeuronKernel,
  programParameters,
} from "@sew/kernels";
import { read, scoped } from "@sew/kernels/testing";
import {
  add,
  addN,
  cast,
  getGradient,
  getKernel,
  grads,
  type KernelBackend,
  memory,
  mul,
  registerKernel,
  scalar,
  sum,
  type Tensor,
  type TensorInfo,
  tensor1d,
  unregisterGradient,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it, vi } from "vitest";

/** Attributes of the kernels below. */
interface Attrs {
  readonly factor: number;
}

type Kernel = FusedKernel<"a" | "b", Attrs>;

/** `factor · a · b` and `a + b`. The order of saved inputs and of gradients is not that of the inputs. */
const product: Kernel = {
  name: "TestProduct",
  inputs: ["a", "b"],
  composed: ({ a, b }, { factor }) => [mul(mul(a, b), factor), add(a, b)],
  accepts: ({ factor }) => factor < 100,
  gradient: {
    name: "TestProductGrad",
    savedInputs: ["b", "a"],
    savedOutputs: [null, "total"],
    outputGradients: ["dProduct", null],
    of: ["b", "a"],
  },
};

const withoutGradient: Kernel = { name: product.name, inputs: product.inputs, composed: product.composed };

/** A call of a kernel, with the values of its inputs. */
interface Call {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, number[]>>;
  readonly attrs: object;
}

const registered: string[] = [];

/** Registers a kernel on the cpu backend whose outputs are these, of the shape of its first input. Returns its calls. */
function register(kernelName: string, ...outputs: readonly (readonly number[])[]): Call[] {
  const calls: Call[] = [];
  registerKernel({
    kernelName,
    backendName: "cpu",
    kernelFunc({ inputs, attrs, backend }) {
      const { readSync, makeTensorInfo } = backend as KernelBackend & {
        makeTensorInfo(shape: number[], dtype: string, values: Float32Array): TensorInfo;
      };
      const values = Object.entries(inputs as Record<string, TensorInfo>).map(([name, { dataId }]) => [
        name,
        [...(readSync.call(backend, dataId) as Float32Array)],
      ]);
      calls.push({ kernel: kernelName, inputs: Object.fromEntries(values), attrs: attrs as object });
      return outputs.map((output) =>
        makeTensorInfo.call(backend, [output.length], "float32", Float32Array.from(output)),
      );
    },
  });
  registered.push(kernelName);
  return calls;
}

const a = () => tensor1d([1, 2]);
const b = () => tensor1d([3, 5]);

/** The gradients of a and b of a loss with this gradient of the first output. */
function gradientsOf(kernel: Kernel, attrs: Attrs, dProduct = [1, 10]): number[][] {
  const loss = (...[x, y]: Tensor[]) => sum(mul(fusedOp(kernel)({ a: x!, b: y! }, attrs)[0]!, tensor1d(dProduct)));
  return grads(loss)([a(), b()]).map(read);
}

afterEach(() => {
  for (const name of registered.splice(0)) {
    unregisterKernel(name, "cpu");
    if (getGradient(name) !== undefined) unregisterGradient(name);
  }
});

const normed = [normNeuronKernel, normNeuronTrainingKernel, normParallelNeuronKernel, normParallelNeuronTrainingKernel];

describe("fusedOp where the backend lacks the kernel", () => {
  it("composes the outputs, and autodiff differentiates them", () =>
    scoped(() => {
      expect(fusedOp(product)({ a: a(), b: b() }, { factor: 2 }).map(read)).toEqual([
        [6, 20],
        [4, 7],
      ]);
      expect(gradientsOf(product, { factor: 2 })).toEqual([
        [6, 100],
        [2, 40],
      ]);
    }));

  it("composes where the gradient's kernel alone is missing", () =>
    scoped(() => {
      const calls = register(product.name, [0, 0], [0, 0]);
      expect(read(fusedOp(product)({ a: a(), b: b() }, { factor: 2 })[0]!)).toEqual([6, 20]);
      expect(gradientsOf(product, { factor: 2 })[0]).toEqual([6, 100]);
      expect(calls).toEqual([]);
    }));

  it("composes where the kernel alone is missing", () =>
    scoped(() => {
      const calls = register(product.gradient!.name, [0, 0], [0, 0]);
      expect(gradientsOf(product, { factor: 2 })[0]).toEqual([6, 100]);
      expect(calls).toEqual([]);
    }));

  it("composes what hand-written kernels do not accept", () =>
    scoped(() => {
      const calls = [register(product.name, [0, 0], [0, 0]), register(product.gradient!.name, [0, 0], [0, 0])];
      expect(read(fusedOp(product)({ a: a(), b: b() }, { factor: 100 })[0]!)).toEqual([300, 1000]);
      expect(gradientsOf(product, { factor: 100 })[0]).toEqual([300, 5000]);
      expect(calls).toEqual([[], []]);
    }));

  it("composes what the backend refuses, with its reason in one warning", () =>
    scoped(() => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
      const calls = [register(product.name, [0, 0], [0, 0]), register(product.gradient!.name, [0, 0], [0, 0])];
      const refuses = ({ factor }: Attrs) => (factor > 6 ? "large: its factor must be at most 6, got 7" : undefined);
      Object.assign(getKernel(product.name, "cpu"), { refuses });
      expect([6, 7].map((factor) => hasKernel(product, { factor }))).toEqual([true, false]);
      expect(warn).not.toHaveBeenCalled();
      expect(read(fusedOp(product)({ a: a(), b: b() }, { factor: 7 })[0]!)).toEqual([21, 70]);
      expect(gradientsOf(product, { factor: 7 })[0]).toEqual([21, 350]);
      expect(calls).toEqual([[], []]);
      expect(warn.mock.calls).toEqual([
        [
          "large: its factor must be at most 6, got 7. The neuron runs as composed operations, several times slower than a fused kernel.",
        ],
      ]);
      warn.mockRestore();
    }));
});

describe("fusedOp where the backend has the kernel", () => {
  it("runs it, with the inputs by name and the attributes, and composes nothing", () =>
    scoped(() => {
      const calls = register(product.name, [8, 9], [4, 7]);
      register(product.gradient!.name, [0, 0], [0, 0]);
      const composed = () => {
        throw new Error("composed");
      };
      const outputs = fusedOp({ ...product, composed })({ a: a(), b: b() }, { factor: 2 });
      expect(outputs.map(read)).toEqual([
        [8, 9],
        [4, 7],
      ]);
      expect(calls).toEqual([{ kernel: product.name, inputs: { a: [1, 2], b: [3, 5] }, attrs: { factor: 2 } }]);
    }));

  it("differentiates with the gradient's kernel, whose outputs are the gradients of the inputs that the contract names", () =>
    scoped(() => {
      register(product.name, [8, 9], [4, 7]);
      register(product.gradient!.name, [-1, -2], [-3, -4]);
      expect(gradientsOf(product, { factor: 2 })).toEqual([
        [-3, -4],
        [-1, -2],
      ]);
    }));

  it("saves what the contract says, and the gradient's kernel receives that, the gradients that it reads, and no more", () =>
    scoped(() => {
      register(product.name, [8, 9], [4, 7]);
      const calls = register(product.gradient!.name, [0, 0], [0, 0]);
      gradientsOf(product, { factor: 2 });
      expect(getGradient(product.name)).toMatchObject({ inputsToSave: ["b", "a"], outputsToSave: [false, true] });
      expect(calls).toEqual([
        {
          kernel: product.gradient!.name,
          inputs: { b: [3, 5], a: [1, 2], total: [4, 7], dProduct: [1, 10] },
          attrs: { factor: 2 },
        },
      ]);
    }));

  it("saves nothing that the contract does not name", () =>
    scoped(() => {
      const { savedOutputs: _, ...gradient } = product.gradient!;
      const saving: Kernel = { ...product, gradient: { ...gradient, savedInputs: ["b"] } };
      register(saving.name, [8, 9], [4, 7]);
      const calls = register(gradient.name, [0, 0], [0, 0]);
      gradientsOf(saving, { factor: 2 });
      expect(calls.map(({ inputs }) => inputs)).toEqual([{ b: [3, 5], dProduct: [1, 10] }]);
    }));

  it("shows the attributes of a gradient those of the kernel, and the gradients of all outputs in order", () =>
    scoped(() => {
      const shown: { readonly attrs: Attrs; readonly dys: number[][] }[] = [];
      const attrs = (attrs: Attrs, dys: readonly Tensor[]) => {
        shown.push({ attrs, dys: dys.map(read) });
        return { factor: attrs.factor, overwrite: true };
      };
      const dependent: Kernel = { ...product, gradient: { ...product.gradient!, attrs } };
      register(dependent.name, [8, 9], [4, 7]);
      const calls = register(dependent.gradient!.name, [0, 0], [0, 0]);
      gradientsOf(dependent, { factor: 2 });
      // The loss does not depend on the second output.
      expect(shown).toEqual([
        {
          attrs: { factor: 2 },
          dys: [
            [1, 10],
            [0, 0],
          ],
        },
      ]);
      expect(calls[0]!.attrs).toEqual({ factor: 2, overwrite: true });
    }));

  it("shows them the one gradient of a kernel with one output", () =>
    scoped(() => {
      const shown: number[][] = [];
      const attrs = (attrs: Attrs, dys: readonly Tensor[]) => {
        shown.push(...dys.map(read));
        return attrs;
      };
      const single: Kernel = {
        ...product,
        gradient: { name: "TestProductGrad", savedInputs: ["a"], outputGradients: ["dy"], of: ["a", "b"], attrs },
      };
      register(single.name, [8, 9]);
      const calls = register("TestProductGrad", [-1, -2], [-3, -4]);
      expect(gradientsOf(single, { factor: 2 })).toEqual([
        [-1, -2],
        [-3, -4],
      ]);
      expect(shown).toEqual([[1, 10]]);
      expect(calls[0]!.inputs).toEqual({ a: [1, 2], dy: [1, 10] });
    }));

  it("runs a kernel whose contract has no gradient, through which none passes", () =>
    scoped(() => {
      const calls = register(withoutGradient.name, [8, 9], [4, 7]);
      expect(read(fusedOp(withoutGradient)({ a: a(), b: b() }, { factor: 2 })[0]!)).toEqual([8, 9]);
      expect(calls.length).toBe(1);
      expect(() => gradientsOf(withoutGradient, { factor: 2 })).toThrow("gradient function not found for TestProduct");
    }));

  it("registers the gradient once, however often it runs, and leaves nothing but its outputs in memory", () => {
    register(product.name, [8, 9], [4, 7]);
    register(product.gradient!.name, [0, 0], [0, 0]);
    const inputs = { a: a(), b: b() };
    const run = fusedOp(product);
    const before = memory().numTensors;
    const first = run(inputs, { factor: 2 });
    const gradient = getGradient(product.name);
    const second = run(inputs, { factor: 2 });
    expect(getGradient(product.name)).toBe(gradient);
    expect(memory().numTensors).toBe(before + 4);
    for (const t of [...first, ...second, inputs.a, inputs.b]) t.dispose();
  });
});

describe("fusedOp of a kernel whose inputs are a list", () => {
  /** `factor · a · b · …` and the sum; the second input gets no gradient. */
  const total: FusedListKernel<Attrs> = {
    name: "TestTotal",
    composed: (inputs, { factor }) => [
      mul(
        inputs.reduce((x, y) => mul(x, y)),
        factor,
      ),
      addN([...inputs]),
    ],
    gradient: {
      name: "TestTotalGrad",
      savedOutputs: [false, true],
      inputs: (saved, [dProduct]) => [dProduct!, ...saved],
      withoutGradient: [1],
    },
  };
  const loss = (...[x, y]: Tensor[]) => sum(mul(fusedOp(total)([x!, b(), y!], { factor: 2 })[0]!, tensor1d([1, 10])));

  it("composes where the backend lacks it", () =>
    scoped(() => {
      const outputs = fusedOp(total)([a(), b(), a()], { factor: 2 });
      expect(outputs.map(read)).toEqual([
        [6, 40],
        [5, 9],
      ]);
      expect(grads(loss)([a(), a()]).map(read)).toEqual([
        [6, 200],
        [6, 200],
      ]);
    }));

  it("runs it with the list, and its gradient with what the contract makes of all inputs, saved outputs and gradients", () =>
    scoped(() => {
      const calls = register(total.name, [8, 9], [4, 7]);
      const gradients = register(total.gradient!.name, [-1, -2], [-3, -4]);
      const inputs = [a(), cast(b(), "int32"), a()];
      expect(fusedOp(total)(inputs, { factor: 2 }).map(read)).toEqual([
        [8, 9],
        [4, 7],
      ]);
      expect(grads(loss)([a(), a()]).map(read)).toEqual([
        [-1, -2],
        [-3, -4],
      ]);
      expect(calls[0]).toEqual({
        kernel: total.name,
        inputs: { 0: [1, 2], 1: [3, 5], 2: [1, 2] },
        attrs: { factor: 2 },
      });
      expect(gradients).toEqual([
        {
          kernel: total.gradient!.name,
          inputs: { 0: [1, 10], 1: [1, 2], 2: [3, 5], 3: [1, 2], 4: [4, 7] },
          attrs: { factor: 2 },
        },
      ]);
    }));
});

describe("the contracts of neurons", () => {
  const program = { spikes: { kind: "bits" } } as unknown as NeuronProgram;
  const formula: NeuronFormula = {
    stateNames: ["v", "a"],
    initialState: () => ({}),
    step: () => expect.unreachable(),
    program,
    parameters: [],
  };
  const attrs: NormNeuronAttrs = { ...formula, epsilon: 0.5, isLastReader: () => true };
  const lists = (calls: readonly Call[]) => calls.map(({ inputs }) => Object.values(inputs).map(([value]) => value));
  /** Inputs with the values 1, 2, 3, …, which tell them apart. */
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => tensor1d([i + 1]));

  it("MultiStepNeuron: x, state, parameters; its gradient: these and the gradients of spikes and state", () =>
    scoped(() => {
      const calls = register("MultiStepNeuron", [10], [11], [12]);
      const gradients = register("MultiStepNeuronGrad", [1], [2], [3], [4], [5]);
      const f = (...inputs: Tensor[]) => {
        const [s, v, a] = multiStepNeuron(inputs, formula);
        return sum(add(add(mul(s!, 20), mul(v!, 21)), mul(a!, 22)));
      };
      // x, v, a and two parameters.
      expect(grads(f)(numbered(5)).map((d) => read(d)[0])).toEqual([1, 2, 3, 4, 5]);
      expect(lists(calls)).toEqual([[1, 2, 3, 4, 5]]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 4, 5, 20, 21, 22]]);
      expect(gradients[0]!.attrs).toMatchObject({ program });
    }));

  it("NormNeuron: x, mean, variance, scale, offset, parameters; its gradient: these and the gradient of the spikes", () =>
    scoped(() => {
      register("NormNeuron", [10]);
      const gradients = register("NormNeuronGrad", [1], [4], [5], [6]);
      const [x, mean, variance, ...others] = numbered(6);
      const f = (...[x, scale, offset, w]: Tensor[]) =>
        sum(mul(normNeuron([x!, mean!, variance!, scale!, offset!, w!], attrs)[0]!, 20));
      expect(grads(f)([x!, ...others]).map((d) => read(d)[0])).toEqual([1, 4, 5, 6]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 4, 5, 6, 20]]);
      expect(gradients[0]!.attrs).toMatchObject({ program, epsilon: 0.5, ownStatistics: false, overwrite: true });
    }));

  it("NormNeuronTraining: x, scale, offset, parameters, and the same gradient, with the statistics of the batch", () =>
    scoped(() => {
      const calls = register("NormNeuronTraining", [10], [2], [3]);
      const gradients = register("NormNeuronGrad", [1], [4], [5], [6]);
      const [x, , , ...others] = numbered(6);
      const f = (...inputs: Tensor[]) => sum(mul(normNeuronTraining(inputs, attrs)[0]!, 20));
      expect(grads(f)([x!, ...others]).map((d) => read(d)[0])).toEqual([1, 4, 5, 6]);
      expect(lists(calls)).toEqual([[1, 4, 5, 6]]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 4, 5, 6, 20]]);
      expect(gradients[0]!.attrs).toMatchObject({ program, epsilon: 0.5, ownStatistics: true, overwrite: true });
    }));

  it("ParallelNeuron: x, rows, bias; its gradient: these and the gradient of the spikes", () =>
    scoped(() => {
      const calls = register("ParallelNeuron", [10]);
      const gradients = register("ParallelNeuronGrad", [1], [2], [3]);
      const f = (...inputs: Tensor[]) => sum(mul(parallelNeuron(inputs, formula)[0]!, 20));
      expect(grads(f)(numbered(3)).map((d) => read(d)[0])).toEqual([1, 2, 3]);
      expect(lists(calls)).toEqual([[1, 2, 3]]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 20]]);
      expect(gradients[0]!.attrs).toMatchObject({ program });
    }));

  it("NormParallelNeuron: x, mean, variance, scale, offset, rows, bias; its gradient: these and that of the spikes", () =>
    scoped(() => {
      register("NormParallelNeuron", [10]);
      const gradients = register("NormParallelNeuronGrad", [1], [4], [5], [6], [7]);
      const [x, mean, variance, ...others] = numbered(7);
      const f = (...[x, ...rest]: Tensor[]) =>
        sum(mul(normParallelNeuron([x!, mean!, variance!, ...rest], attrs)[0]!, 20));
      expect(grads(f)([x!, ...others]).map((d) => read(d)[0])).toEqual([1, 4, 5, 6, 7]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 4, 5, 6, 7, 20]]);
      expect(gradients[0]!.attrs).toMatchObject({ program, epsilon: 0.5, ownStatistics: false, overwrite: true });
    }));

  it("NormParallelNeuronTraining: x, scale, offset, rows, bias, and the same gradient", () =>
    scoped(() => {
      const calls = register("NormParallelNeuronTraining", [10], [2], [3]);
      const gradients = register("NormParallelNeuronGrad", [1], [4], [5], [6], [7]);
      const [x, , , ...others] = numbered(7);
      const f = (...inputs: Tensor[]) => sum(mul(normParallelNeuronTraining(inputs, attrs)[0]!, 20));
      expect(grads(f)([x!, ...others]).map((d) => read(d)[0])).toEqual([1, 4, 5, 6, 7]);
      expect(lists(calls)).toEqual([[1, 4, 5, 6, 7]]);
      expect(lists(gradients)).toEqual([[1, 2, 3, 4, 5, 6, 7, 20]]);
      expect(gradients[0]!.attrs).toMatchObject({ program, epsilon: 0.5, ownStatistics: true, overwrite: true });
    }));

  it("accept what has a program, and no other", () => {
    const { program: _, ...untraced } = formula;
    for (const { accepts } of [multiStepNeuronKernel, parallelNeuronKernel])
      expect([formula, untraced].map(accepts!)).toEqual([true, false]);
    const norm = [attrs, { ...untraced, epsilon: 0, isLastReader: () => true }];
    for (const { accepts } of normed) expect(norm.map(accepts!)).toEqual([true, false]);
  });

  it("give a parameter of one value to kernels as a scalar", () =>
    scoped(() => {
      const parameters = programParameters({ ...formula, parameters: [scalar(1), tensor1d([2]), tensor1d([3, 4])] });
      expect(parameters.map(({ shape }) => shape)).toEqual([[], [], [2]]);
    }));
});

describe("hasKernel", () => {
  it("is true where kernel and gradient are there and accept the attributes", () => {
    const has = () => [1, 100].map((factor) => hasKernel(product, { factor }));
    expect(has()).toEqual([false, false]);
    register(product.name, [0, 0], [0, 0]);
    expect(has()).toEqual([false, false]);
    register(product.gradient!.name, [0, 0], [0, 0]);
    expect(has()).toEqual([true, false]);
  });

  it("asks for no gradient where the contract has none", () => {
    expect(hasKernel(withoutGradient, { factor: 1 })).toBe(false);
    register(withoutGradient.name, [0, 0], [0, 0]);
    expect(hasKernel(withoutGradient, { factor: 1 })).toBe(true);
  });
});

describe("every contract of this package", () => {
  const contracts = [
    applyAdamKernel,
    applyMomentumKernel,
    batchNormTrainingKernel,
    moveStatisticsKernel,
    multiStepNeuronKernel,
    parallelNeuronKernel,
    ...normed,
  ];

  it("has a name of its own, which no kernel of the cpu backend has", () => {
    expect(new Set(contracts.map(({ name }) => name)).size).toBe(contracts.length);
    for (const { name } of contracts) expect(getKernel(name, "cpu")).toBeUndefined();
  });

  const named = contracts.filter((kernel) => "inputs" in kernel);
  it.each(named.filter(({ gradient }) => gradient !== undefined))(
    "saves and differentiates inputs that it has, under names that differ: $name",
    ({ inputs, gradient }) => {
      const { savedInputs, savedOutputs = [], outputGradients, of } = gradient!;
      const known: readonly string[] = inputs;
      for (const name of [...savedInputs, ...of]) expect(known).toContain(name);
      const read = [...savedInputs, ...savedOutputs, ...outputGradients].filter((name) => name !== null);
      expect(new Set(read).size).toBe(read.length);
      expect(new Set(of).size).toBe(of.length);
    },
  );
});

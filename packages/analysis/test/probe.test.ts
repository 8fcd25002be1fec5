import {
  attach,
  firingRateProbe,
  gradientNormProbe,
  measure,
  type Probe,
  potentialProbe,
  synOpsProbe,
} from "@sew/analysis";
import { describeBackends, read } from "@sew/kernels/testing";
import {
  disposeModule,
  linear,
  type Module,
  namedBuffers,
  namedParameters,
  type Observer,
  run,
  sequential,
  stream,
} from "@sew/layers";
import { network, resNet } from "@sew/models";
import { momentum, optimizer, trainStep } from "@sew/training";
import {
  dispose,
  engine,
  memory,
  ones,
  profile,
  randomUniform,
  type Scalar,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

const probes = () => ({
  rates: firingRateProbe({ neurons: true }),
  norms: gradientNormProbe(),
  ops: synOpsProbe(),
  h: potentialProbe({ bins: 8 }),
});

const squares = (y: Tensor): Scalar => sum(square(y));

const models: Record<string, (recompute: boolean) => Module> = {
  "SEW ADD": (recompute) => network("c32-BN-PLIF-{SEW}*2-MPk2s2-FC3", { height: 4, width: 4, seed: 1, recompute }),
  "SEW IAND": (recompute) => network("c4-BN-LIF-{SEW IAND}*2-FC3", { height: 4, width: 4, seed: 1, recompute }),
  Spiking: (recompute) => network("c32-BN-IF-{Spiking}*2-DP-FC3", { height: 4, width: 4, seed: 1, recompute }),
  "parallel neurons": (recompute) => network("c4-BN-SLIDINGPSN-SEW-FC3", { height: 4, width: 4, seed: 1, recompute }),
};

const frames = () => randomUniform([2, 2, 4, 4, 2], 0, 3, "float32", 1);

/** Everything that a pass changes and returns, as bits. */
async function passOf(make: () => Module, training: boolean, probed: boolean): Promise<unknown> {
  const [model, x] = [make(), frames()];
  const attached = probed ? attach(model, probes()) : undefined;
  const context = { training, seed: 0, ...(attached && { observe: attached.observe }) };
  const parameters = [...namedParameters(model).values()];
  const results = tidy(() => {
    const { value, grads } = engine().gradients(
      () => squares(run(model, x, context)),
      parameters as Tensor[],
      undefined,
      true,
    );
    return [value, ...grads];
  });
  const bits = [...results, ...namedBuffers(model).values()].map((t) => t && read(t as Tensor));
  if (attached !== undefined) expect(Object.keys((await attached.read()).norms).length).toBeGreaterThan(0);
  dispose([...results, x]);
  disposeModule(model);
  return bits;
}

/** How often each kernel runs in a pass. */
async function kernelsOf(make: () => Module, training: boolean, observe?: (model: Module) => Observer) {
  const [model, x] = [make(), frames()];
  const context = { training, seed: 0, ...(observe && { observe: observe(model) }) };
  const { kernels } = await profile(() =>
    tidy(() => {
      const parameters = [...namedParameters(model).values()] as Tensor[];
      return engine().gradients(() => squares(run(model, x, context)), parameters, undefined, true).value;
    }),
  );
  const counts: Record<string, number> = {};
  for (const { name } of kernels) counts[name] = (counts[name] ?? 0) + 1;
  disposeModule(model);
  x.dispose();
  return counts;
}

describeBackends("probes", () => {
  for (const [name, make] of Object.entries(models)) {
    for (const training of [true, false]) {
      for (const recompute of [true, false]) {
        const title = `${name}, training ${training}, recompute ${recompute}`;
        it(`leave output, gradients and running statistics as they are, bit for bit: ${title}`, async () => {
          const build = () => make(recompute);
          expect(await passOf(build, training, true)).toEqual(await passOf(build, training, false));
        });
      }
    }
  }

  it.each([true, false])(
    "run the same kernels of the model, and their own on top, in training %s",
    async (training) => {
      const build = () => models["SEW ADD"]!(false);
      const without = await kernelsOf(build, training);
      expect(await kernelsOf(build, training, () => () => {})).toEqual(without);
      const own = new Set(["Activity", "Sum", "Identity", "Reshape", "Square", "Sqrt", "Prod", "Mean", "Max", "Min"]);
      // What the composed form of Activity runs where a backend has no kernel for it.
      for (const composed of ["NotEqual", "Cast", "Floor", "Sub", "Pack"]) own.add(composed);
      // How norms keep the squares of small gradients.
      for (const scaling of ["Abs", "ClipByValue", "RealDiv", "Multiply"]) own.add(scaling);
      // ClipByValue, where a backend has no kernel for it.
      for (const bound of ["Minimum", "Maximum"]) own.add(bound);
      const { h: _, ...counting } = probes();
      const probed = await kernelsOf(build, training, (model) => attach(model, counting).observe);
      for (const [kernel, count] of Object.entries(probed)) {
        if (own.has(kernel)) expect(count).toBeGreaterThanOrEqual(without[kernel] ?? 0);
        else expect([kernel, count]).toEqual([kernel, without[kernel]]);
      }
      expect(without.Conv2D).toBeGreaterThan(0);
    },
  );

  it("give together what each gives alone", async () => {
    const [model, x] = [models["SEW ADD"]!(false), frames()];
    const options = { training: true, seed: 0, loss: squares };
    const together = await measure(model, x, probes(), options);
    for (const [name, probe] of Object.entries(probes())) {
      const alone = await measure(model, x, { probe: probe as Probe<unknown> }, options);
      expect(alone.probe).toEqual(together[name as keyof typeof together]);
    }
    disposeModule(model);
    x.dispose();
  });

  it("see training steps, and leave what they learn as it is", async () => {
    const batch = { x: Float32Array.from({ length: 2 * 2 * 32 }, (_, i) => i % 3), labels: Int32Array.of(0, 2) };
    const learned = async (probed: boolean) => {
      const model = models["SEW ADD"]!(false);
      const trained = optimizer(model, momentum());
      const attached = attach(model, probes());
      const observe = probed ? attached.observe : undefined;
      for (const seed of [0, 1]) {
        const shape = [2, 2, 4, 4, 2];
        await trainStep(model, trained, { ...batch, shape }, { learningRate: 0.1, seed, observe });
      }
      const values = [...namedParameters(model).values(), ...namedBuffers(model).values()].map((v) =>
        read(v as Tensor),
      );
      if (probed) {
        const { norms, rates, ops } = await attached.read();
        expect(norms.block0!.input!.norm).toBeGreaterThan(0);
        expect(rates.blocks.block1!.input).toBe(rates.blocks.block0!.output);
        expect(ops.samples).toBe(4);
      }
      attached.dispose();
      trained.dispose();
      disposeModule(model);
      return values;
    };
    expect(await learned(true)).toEqual(await learned(false));
  });

  it("leave the model and memory as they were, and nothing behind an error", async () => {
    const [model, x] = [models["SEW ADD"]!(false), frames()];
    const values = () => [...namedBuffers(model).values()].map((buffer) => read(buffer as Tensor));
    const [before, tensors] = [values(), memory().numTensors];
    await measure(model, x, probes(), { training: true, seed: 0, loss: squares });
    expect([values(), memory().numTensors]).toEqual([before, tensors]);
    const failing = (): Scalar => {
      throw new Error("no");
    };
    await expect(measure(model, x, probes(), { training: true, seed: 0, loss: failing })).rejects.toThrow("no");
    expect([values(), memory().numTensors]).toEqual([before, tensors]);
    disposeModule(model);
    x.dispose();
  });

  it("leave the model as it was where two measurements run at once", async () => {
    const [model, x] = [models["SEW ADD"]!(false), frames()];
    const values = () => [...namedBuffers(model).values()].map((buffer) => read(buffer as Tensor));
    const before = values();
    const measured = () => measure(model, x, { rates: firingRateProbe() }, { training: true });
    const [first, second] = await Promise.all([measured(), measured()]);
    expect(values()).toEqual(before);
    expect(second).toEqual(first);
    disposeModule(model);
    x.dispose();
  });

  it("take a pass that threw for one of its own", async () => {
    let throws = true;
    const bomb: Module = {
      forward: (x) => {
        if (throws) throw new Error("no");
        return x.clone();
      },
    };
    const model = sequential({ a: linear(2, 3), bomb, b: linear(3, 2) });
    const [x, tensors] = [ones([2, 4, 2]), memory().numTensors];
    const attached = attach(model, { ops: synOpsProbe() });
    const pass = () => tidy(() => void run(model, x, { training: false, observe: attached.observe }));
    expect(pass).toThrow("no");
    throws = false;
    pass();
    const { ops } = await attached.read();
    expect([ops.layers.a!.macs, ops.layers.b!.macs]).toEqual([12, 12]);
    expect(memory().numTensors).toBe(tensors);
    disposeModule(model);
    x.dispose();
  });

  it("refuse the pieces of a stream", () => {
    const [model, x] = [models["SEW IAND"]!(false), frames()];
    const attached = attach(model, probes());
    const tensors = memory().numTensors;
    expect(() => stream(model, x, undefined, { training: false, observe: attached.observe })).toThrow(
      new RangeError("attach: x must be a whole sequence, got a piece of one from stream; pass all of it to run"),
    );
    expect(memory().numTensors).toBe(tensors);
    attached.dispose();
    disposeModule(model);
    x.dispose();
  });

  it("measure a residual network, whose shortcuts and classifier they count, too", async () => {
    const net = resNet(18, { classes: 2, stemOnceFor: 2 });
    const x = randomUniform([1, 1, 32, 32, 3], 0, 1, "float32", 1);
    const { h: _, ...some } = probes();
    const { rates, norms, ops } = await measure(net, x, some, { training: true, seed: 0, loss: squares });
    expect(Object.keys(rates.blocks)).toHaveLength(8);
    expect(Object.keys(norms)).toEqual(Object.keys(rates.blocks));
    expect(Object.keys(ops.layers)).toHaveLength(1 + 8 * 2 + 3 + 1);
    expect(ops.layers["stage1.block1.a.conv"]!.input).toBe("counts");
    disposeModule(net);
    x.dispose();
  });

  it("of one's own are functions of the model, and see each module's input and output", async () => {
    const seen: string[] = [];
    const own: Probe<readonly string[]> = (model) => ({
      observe: ({ module, input, output }) => {
        if (module !== model) seen.push(`${input().shape} → ${output.shape}`);
      },
      read: async () => seen.splice(0),
      dispose: () => {},
    });
    const model = network("c2-FC3", { height: 2, width: 2 });
    const x = zeros([1, 1, 2, 2, 1]);
    const net = network("c2-FC3", { height: 2, width: 2, inChannels: 1 });
    expect((await measure(net, x, { own })).own).toEqual([
      "1,1,2,2,1 → 1,1,2,2,2",
      "1,1,2,2,2 → 1,1,8",
      "1,1,8 → 1,1,3",
    ]);
    disposeModule(model);
    disposeModule(net);
    x.dispose();
  });
});

it("measure refuses x without a batch axis", async () =>
  await expect(measure(network("c2-FC3", { height: 2, width: 2 }), tensor([1]), {})).rejects.toThrow(
    new RangeError("measure: x must be a sequence [T, N, ...] of at least one time-step and one sample, got shape [1]"),
  ));

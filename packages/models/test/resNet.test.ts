import { shown } from "@sew/kernels";
import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import {
  type BatchNorm,
  countParameters,
  disposeModule,
  evaluation,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  profile,
  run,
} from "@sew/layers";
import { spikesOfShape } from "@sew/layers/testing";
import {
  type Family,
  type FamilyName,
  families,
  type ResNet,
  type ResNetDepth,
  type ResNetOptions,
  resNet,
} from "@sew/models";
import {
  add,
  concat,
  dispose,
  fill,
  memory,
  moments,
  mul,
  type Scalar,
  slice,
  sum,
  type Tensor,
  variableGrads,
  zeros,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const names = Object.keys(families) as FamilyName[];
const family = (name: FamilyName): Family => families[name];

/** Makes a network for the length of a test: the larger ones hold hundreds of megabytes. */
function using<T>(depth: ResNetDepth, options: ResNetOptions, body: (net: ResNet) => T): T {
  const net = resNet(depth, options);
  try {
    return body(net);
  } finally {
    disposeModule(net);
  }
}

describe("resNet", () => {
  // Those of torchvision's; 18 layers are below, in every family.
  it.each([
    { depth: 34, parameters: 21_797_672 },
    { depth: 50, parameters: 25_557_032 },
    { depth: 101, parameters: 44_549_160 },
    { depth: 152, parameters: 60_192_808 },
  ] as const)("of depth $depth has $parameters parameters", ({ depth, parameters }) =>
    using(depth, {}, (net) => expect(countParameters(net)).toBe(parameters)),
  );

  it("of 50 layers, without shortcuts, has 2 776 576 parameters less", () =>
    using(50, families.plain, (net) => expect(countParameters(net)).toBe(25_557_032 - 2_776_576)));

  it("takes the classes and the channels that it is told", () =>
    using(18, { classes: 10, inChannels: 1 }, (net) => {
      expect(namedParameters(net).get("stem.conv.weight")!.shape).toEqual([7, 7, 1, 64]);
      expect(namedParameters(net).get("classifier.weight")!.shape).toEqual([512, 10]);
    }));

  it("starts from Kaiming normal: variance 2 / fan_out in every convolution", () =>
    using(18, {}, (net) => {
      const convolutions = [...namedParameters(net)].filter(([, { rank }]) => rank === 4);
      expect(convolutions).toHaveLength(20);
      for (const [name, weight] of convolutions) {
        const values = read(weight);
        const { length } = values;
        const expected = 2 / (length / weight.shape[2]!);
        const mean = values.reduce((a, b) => a + b) / length;
        const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / length;
        // Five standard errors of a normal sample's variance and mean.
        expect(Math.abs(variance / expected - 1), name).toBeLessThan(5 * Math.sqrt(2 / length));
        expect(Math.abs(mean), name).toBeLessThan(5 * Math.sqrt(expected / length));
      }
    }));

  it("starts at the seed alone", () => {
    const weights = (seed: number) =>
      using(18, { seed, classes: 10 }, (net) =>
        ["stem", "stage1.block1.b"].map((unit) => read(namedParameters(net).get(`${unit}.conv.weight`)!)),
      );
    const [one, again, other] = [weights(1), weights(1), weights(2)];
    expect(again).toEqual(one);
    expect(other[0]).not.toEqual(one[0]);
    expect(other[1]).not.toEqual(one[1]);
  });

  it("zero-initialises the last norm of every block, and no other", () =>
    using(18, { ...families["sew-iand"], zeroInit: true, classes: 10 }, (net) => {
      const scales = [...namedParameters(net)].filter(([name]) => name.endsWith("norm.weight"));
      for (const [name, scale] of scales) {
        expect(new Set(read(scale)), name).toEqual(new Set([name.endsWith(".b.norm.weight") ? 0 : 1]));
      }
    }));

  it("scales td-BN by 1/√2 where two paths are summed", () =>
    using(18, { ...families["td-bn"], classes: 10 }, (net) =>
      scoped(() => {
        for (const [name, module] of namedModules(net)) {
          if (!("scale" in module)) continue;
          const summed = name.endsWith(".b.norm") || name.endsWith(".shortcut.norm");
          const scale = (module as BatchNorm).scale();
          expectClose(scale, fill(scale.shape, summed ? Math.SQRT1_2 : 1));
        }
      }),
    ));

  it.each([20, 0, "18 ", Number.NaN])("refuses a depth of %s", (depth) =>
    expect(() => resNet(depth as ResNetDepth)).toThrow(
      new RangeError(`resNet: depth must be one of 18, 34, 50, 101, 152, got ${shown(depth)}`),
    ),
  );

  it.each([
    ["classes", { classes: 0 }, "an integer of at least 1, got 0"],
    ["classes", { classes: 1.5 }, "an integer of at least 1, got 1.5"],
    ["classes", { classes: null as never }, "an integer of at least 1, got null"],
    ["inChannels", { inChannels: Number.NaN }, "an integer of at least 1, got NaN"],
    ["seed", { seed: Number.NaN }, "an integer, got NaN"],
    ["stemOnceFor", { stemOnceFor: "\u001b" as never }, 'an integer of at least 1, got "\\u001b"'],
  ])("refuses a wrong %s before it makes a tensor: %o", (name, options, must) => {
    const before = memory().numTensors;
    expect(() => resNet(18, options)).toThrow(new RangeError(`resNet: ${name} must be ${must}`));
    expect(memory().numTensors).toBe(before);
  });

  it.each([0, -1, 1.5])("refuses to repeat its stem %s times", (stemOnceFor) =>
    expect(() => resNet(18, { stemOnceFor })).toThrow(
      new RangeError(`resNet: stemOnceFor must be an integer of at least 1, got ${stemOnceFor}`),
    ),
  );
});

describeBackends("resNet", (backend) => {
  it("of depth 18 classifies an image", () =>
    scoped(() =>
      using(18, { ...families.ann, classes: 5 }, (net) =>
        expect(run(net, spikesOfShape([1, 1, 32, 32, 3]), evaluation).shape).toEqual([1, 1, 5]),
      ),
    ));

  // Plain JavaScript takes minutes for the rest.
  if (backend === "cpu") return;

  it.each([
    { depth: 18, size: 64, channels: 64, macs: 1_814_073_344 },
    { depth: 50, size: 32, channels: 256, macs: 4_089_184_256 },
  ] as const)(
    "of depth $depth halves images from stage to stage, and takes $macs multiply-accumulates at 224x224",
    ({ depth, size, channels, macs }) =>
      using(depth, {}, (net) =>
        scoped(() => {
          expect(profile(net, [1, 1, 224, 224, 3]).reduce((total, layer) => total + layer.macs, 0)).toBe(macs);
          const paths = new Map([...namedModules(net)].map(([path, module]) => [module, path]));
          const shapes: Record<string, readonly number[]> = {};
          run(net, zeros([3, 2, size, size, 3]), {
            ...evaluation,
            observe: (module, { shape }) => {
              const path = paths.get(module)!;
              if (!path.includes(".")) shapes[path] = shape.slice(2);
            },
          });
          const side = size / 4;
          expect(shapes).toEqual({
            stem: [size / 2, size / 2, 64],
            pool: [side, side, 64],
            stage1: [side, side, channels],
            stage2: [side / 2, side / 2, 2 * channels],
            stage3: [side / 4, side / 4, 4 * channels],
            stage4: [side / 8, side / 8, 8 * channels],
            average: [8 * channels],
            classifier: [1000],
            "": [1000],
          });
        }),
      ),
  );

  /** Parameters of the paper's families: those of the ANN, of Plain but for the shortcuts. */
  const counts: Readonly<Record<string, number>> = {
    ...Object.fromEntries(
      ["sew-add", "sew-and", "sew-iand", "spiking", "ann", "rba", "td-bn"].map((name) => [name, 11_689_512]),
    ),
    plain: 11_515_688,
  };

  it.each(names)("of family %s trains in place, those of the paper with as many parameters as their ANN", (name) =>
    // AND falls silent with depth (section 4.1), and then no gradient reaches the stem: it starts from identities.
    using(18, { ...family(name), zeroInit: name === "sew-and" }, (net) => {
      const parameters = [...namedParameters(net).values()];
      const x = spikesOfShape([2, 2, 32, 32, 3]);
      const before = memory().numTensors;
      const { value, grads } = variableGrads(() => sum(run(net, x, { training: true })) as Scalar, parameters);
      expect(memory().numTensors - before).toBe(1 + parameters.length);
      const stem = read(grads[namedParameters(net).get("stem.conv.weight")!.name]!);
      dispose([x, value, grads]);
      expect(stem.every(Number.isFinite)).toBe(true);
      if (!(name in counts)) return;
      expect(countParameters(net)).toBe(counts[name]);
      expect(stem.some((g) => g !== 0)).toBe(true);
    }),
  );

  describe("of depth 18", () => {
    let net: Module;
    beforeAll(() => {
      net = resNet(18, { classes: 3 });
    });
    afterAll(() => disposeModule(net));

    it.each([
      [[2, 32, 32, 3], "x must be [T, N, H, W, C], got [2,32,32,3]; add the time axis with expandDims(x, 0)"],
      [[2, 1, 32, 32, 2], "x must have 3 channels, got 2 in [2,1,32,32,2]"],
      [[0, 1, 32, 32, 3], "x must have at least 1 time-step, got [0,1,32,32,3]"],
    ])("refuses %j", (shape, message) =>
      scoped(() => expect(() => run(net, zeros(shape), evaluation)).toThrow(new RangeError(`conv2d: ${message}`))),
    );

    it("takes any number of steps, each of which sees none that follow", () =>
      scoped(() => {
        const x = spikesOfShape([4, 1, 32, 32, 3]);
        excite(net);
        const whole = run(net, x, evaluation);
        expect(read(whole).some((score, i, all) => i >= 3 && score !== all[i - 3])).toBe(true);
        for (const steps of [1, 2, 3]) {
          expectClose(run(net, slice(x, [0], [steps]), evaluation), slice(whole, [0], [steps]));
        }
      }));
  });

  describe("with stemOnceFor", () => {
    const image = () => spikesOfShape([1, 2, 32, 32, 3]);

    it("gives in evaluation what the image at every step gives", () =>
      scoped(() => {
        const scores = (options: ResNetOptions, x: Tensor) =>
          using(18, { ...options, classes: 5 }, (net) => {
            excite(net);
            return read(run(net, x, evaluation));
          });
        const once = scores({ stemOnceFor: 3 }, image());
        expect(once).toHaveLength(3 * 2 * 5);
        expect(once.slice(10, 20)).not.toEqual(once.slice(0, 10));
        expect(once).toEqual(scores({}, concat([image(), image(), image()])));
      }));

    it("takes the statistics of the image in training, and no second step", () =>
      using(18, { stemOnceFor: 4, classes: 5 }, (net) =>
        scoped(() => {
          const { conv } = net.children.stem.children;
          const y = run(conv, image(), evaluation);
          const { mean, variance } = moments(y, [0, 1, 2, 3]);
          const count = y.size / 64;
          run(net, image(), { training: true });
          const buffers = namedBuffers(net);
          expectClose(buffers.get("stem.norm.runningMean")!, mul(mean, 0.1));
          expectClose(buffers.get("stem.norm.runningVar")!, add(mul(variance, (0.1 * count) / (count - 1)), 0.9));
          expect(() => run(net, zeros([2, 1, 32, 32, 3]), evaluation)).toThrow(
            new RangeError("resNet: x must have 1 time-step with stemOnceFor, got [2,1,32,32,3]"),
          );
        }),
      ));
  });
});

/** Lowers the running variances, so that neurons fire in evaluation all the way to the scores. */
function excite(net: Module): void {
  for (const [name, buffer] of namedBuffers(net)) {
    if (name.endsWith("runningVar")) buffer.assign(fill(buffer.shape, 0.05));
  }
}

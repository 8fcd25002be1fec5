import { blocks } from "@sew/blocks";
import { defineExperiment, type ExperimentDataset } from "@sew/experiment";
import { disposeModule, learnable, linear, namedParameters, neurons, parallelNeurons, sequential } from "@sew/layers";
import { lif, plif, psn } from "@sew/neurons";
import { optimizer, type ParameterTransform } from "@sew/training";
import { ones, scalar } from "@tensorflow/tfjs-core";
import { CommanderError, InvalidArgumentError } from "commander";
import { describe, expect, it, vi } from "vitest";
import { oneOf, parseInteger, parseNumber } from "../src/choices.js";
import { commandLine } from "../src/commandLine.js";
import { chosenNotation, familyNames, familyOf, neuronNames } from "../src/model.js";
import { lossOf, optimizerOf, optimizers, scheduleOf } from "../src/optimization.js";
import { baseRecipe } from "../src/settings.js";
import { tiny } from "./tinyExperiment.mjs";

const line = commandLine(tiny, ["float32", "bf16"]);
const settingsOf = (...argv: string[]) => line.settings(line.parse(argv), "out");

/** What is printed of a wrong command line. */
function refusal(...argv: string[]): string {
  let printed = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    printed += chunk;
    return true;
  });
  try {
    expect(() => settingsOf(...argv)).toThrow(CommanderError);
  } finally {
    spy.mockRestore();
  }
  return printed.split("\n")[0]!;
}

describe("the settings", () => {
  it("are those of the command line, then of the recipe, then the defaults", () => {
    expect(settingsOf("--lr", "0.5", "--width", "7")).toEqual({
      ...baseRecipe,
      dataset: "stripes",
      preset: "short",
      block: "sew-add",
      cache: "runs/cache",
      out: "out",
      backend: "native",
      seed: 0,
      workers: 1,
      weightsExcept: [],
      recompute: false,
      epochs: 2,
      batch: 4,
      learningRate: 0.5,
      schedule: "cosine",
      width: 7,
      head: "notation",
      loudLabels: false,
      lone: false,
    });
    expect(settingsOf("--block", "plain").learningRate).toBe(0.01);
    expect(settingsOf("--dataset", "untested").width).toBe(2);
    expect(settingsOf("--loud-labels").loudLabels).toBe(true);
  });

  it("are those of a preset, then of the recipe, and options have precedence over both", () => {
    expect(settingsOf("--preset", "wide")).toMatchObject({ preset: "wide", width: 9, epochs: 3, learningRate: 0.02 });
    expect(settingsOf("--preset", "wide", "--block", "plain", "--width", "1")).toMatchObject({ width: 1, epochs: 4 });
    expect(settingsOf().preset).toBe("short");
    expect(settingsOf("--preset", "short")).toEqual(settingsOf());
    expect(settingsOf("--dataset", "untested").preset).toBe("own");
  });

  it("of a config.json are those of the command line that made it", () => {
    const argv = ["--weight-decay", "1e-4", "--nesterov", "--width", "3", "--weights", "w", "--loud-labels"];
    const made = settingsOf(...argv, "--weights-except", "a", "--weights-except", "b");
    const config = JSON.parse(JSON.stringify({ ...made, experiment: "tiny", commit: null })) as Record<string, unknown>;
    expect(line.settings(line.parse([], config), "out")).toEqual(made);
    expect(line.settings(line.parse(["--width", "5", "--no-nesterov"], config), "out")).toEqual({
      ...made,
      width: 5,
      nesterov: false,
    });
  });

  it("cut recordings alone into frames, 16 of equal event count without a recipe", () => {
    const { recipe: _, ...plain } = tiny.datasets.dots!;
    const own = commandLine({ ...tiny, datasets: { dots: plain as ExperimentDataset } }, ["float32"]);
    expect(own.settings(own.parse([]), "out")).toMatchObject({ frames: 16, by: "count" });
    expect(settingsOf("--dataset", "dots", "--by", "time")).toMatchObject({ frames: 12, trainFrames: 9, by: "time" });
    expect(Object.keys(settingsOf())).not.toEqual(expect.arrayContaining(["frames"]));
    expect(Object.keys(settingsOf())).not.toEqual(expect.arrayContaining(["by"]));
  });

  it("take a learning rate of 0", () => expect(settingsOf("--lr", "0").learningRate).toBe(0));

  it("keep the recipe's share of other frames than its own, what --train-frames says, or all", () => {
    const kept = (...argv: string[]) => settingsOf("--dataset", "dots", ...argv).trainFrames;
    expect([kept(), kept("--frames", "8"), kept("--frames", "24"), kept("--frames", "2")]).toEqual([9, 6, 18, "all"]);
    expect(kept("--frames", "8", "--train-frames", "5")).toBe(5);
    expect([kept("--train-frames", "all"), kept("--frames", "8", "--train-frames", "8")]).toEqual(["all", "all"]);
    expect(settingsOf("--train-frames", "all").trainFrames).toBeUndefined();
  });

  it("are those that a flag decides", () => {
    const settings = settingsOf("--lone", "--dataset", "untested");
    expect(settings).toMatchObject({ lone: true, block: "plain" });
    expect(settingsOf("--lone", "--block", "plain").block).toBe("plain");
  });

  it("have no neurons without spikes, and no frames without recordings, whatever the recipe says", () => {
    const recipe = () => ({ neuron: "plif", surrogate: "erf", frames: 3, by: "time" }) as const;
    const datasets = { ...tiny.datasets, stripes: { ...tiny.datasets.stripes!, recipe } };
    const own = commandLine({ ...tiny, datasets }, []);
    const names = ["neuron", "surrogate", "frames", "by"];
    const present = (...argv: string[]) => {
      const settings = own.settings(own.parse(argv), "out");
      return names.filter((name) => name in settings);
    };
    expect(present()).toEqual(["neuron", "surrogate"]);
    expect(present("--block", "ann")).toEqual([]);
  });
});

describe("a wrong command line", () => {
  it.each([
    [["--preset", "wid"], "It must be one of short, wide, own. Did you mean wide?"],
    [["--dataset", "untested", "--preset", "wide"], "error: --preset must be own for --dataset untested, got wide"],
    [["--epcohs", "3"], "error: unknown option '--epcohs'"],
    [
      ["--dataset", "strips"],
      "option '--dataset <name>' argument 'strips' is invalid. It must be one of stripes, untested, pictures, fetched, dots. Did you mean stripes?",
    ],
    [["--block", "sew-ad"], "Did you mean sew-add?"],
    [["--neuron", "plf"], "Did you mean plif?"],
    [["--neuron", "ownlif"], "Did you mean own-lif?"],
    [["--surrogate", "atann"], "Did you mean atan?"],
    [["--optimizer", "adma"], "It must be one of sgd, adam, adamw. Did you mean adam?"],
    [["--precision", "bf15"], "Did you mean bf16?"],
    [["--epochs", "0"], "It must be an integer of at least 1."],
    [["--validation", "1"], "It must be a number above 0 and below 1."],
    [["--ema", "1"], "It must be a number of at least 0 and below 1."],
    [["--dataset", "fetched"], "error: --dataset fetched needs --data <dir>"],
    [["--resume", "--overwrite"], "error: --resume and --overwrite exclude each other"],
    [["--firing-rates", "8"], "error: --firing-rates needs --evaluate"],
    [["--check-data", "d", "--resume"], "error: --check-data and --resume exclude each other"],
    [["--check-data", "d", "--data", "e"], "error: --check-data and --data exclude each other"],
    [["--check-data", "d", "--seeds", "0,1"], "error: --check-data and --seeds exclude each other"],
    [["--weights-except", "classifier"], "error: --weights-except needs --weights"],
    [["--optimizer", "adam", "--momentum", "0.9"], "error: --momentum has no effect with --optimizer adam"],
    [["--optimizer", "adamw", "--no-nesterov"], "error: --nesterov has no effect with --optimizer adamw"],
    [
      ["--dataset", "dots", "--steps", "3"],
      "error: --steps has no effect with --dataset dots, whose samples have time-steps of their own",
    ],
    [["--dataset", "untested", "--loud-labels"], "error: --loud-labels has no effect with --dataset untested"],
    [["--dataset", "untested", "--no-loud-labels"], "error: --loud-labels has no effect with --dataset untested"],
    [
      ["--block", "ann", "--neuron", "lif"],
      "error: --neuron has no effect with --block ann, which has no spiking neurons",
    ],
    [["--block", "rba", "--surrogate", "constant"], "error: --surrogate has no effect with --block rba, which"],
    [["--block", "ann", "--neuron-rate", "0.1"], "error: --neuron-rate has no effect with --block ann, which"],
    [["--model", "c2-BN-IF-FC2", "--width", "3"], "error: --width has no effect with --model"],
    [["--lone", "--block", "ann"], "error: --block must be plain with --lone, got ann"],
    [["--lone", "--surrogate", "atan"], "error: --surrogate has no effect with --lone"],
    [["--truncated", "keep"], "error: --truncated has no effect with --dataset stripes"],
    [["--dataset", "dots", "--truncated", "kep"], "Did you mean keep?"],
    [["--train-frames", "0"], "It must be an integer of at least 1."],
    [
      ["--dataset", "dots", "--frames", "4", "--train-frames", "5"],
      "error: --train-frames must be at most --frames (4), got 5",
    ],
    [
      ["--frames", "4"],
      "error: --frames has no effect with --dataset stripes, which has no recordings to cut into frames",
    ],
    [["--by", "count"], "error: --by has no effect with --dataset stripes, which has no recordings to cut into frames"],
    [["--lr", "-1"], "It must be a number of at least 0."],
    [["train"], "error: too many arguments. Expected 0 arguments but got 1."],
  ])("%j is refused: %s", (argv, message) => expect(refusal(...argv)).toContain(message));

  it("suggests the nearest option", () => {
    let printed = "";
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
      printed += chunk;
      return true;
    });
    expect(() => line.parse(["--epcohs", "3"])).toThrow(CommanderError);
    spy.mockRestore();
    expect(printed).toContain("Did you mean --epochs?");
  });

  it("is an experiment's whose option has the name of one of the kit's", () =>
    expect(() =>
      commandLine(
        { ...tiny, options: { ...tiny.options!, learningRate: { description: "x", value: "<x>", default: 1 } } },
        [],
      ).parse([]),
    ).toThrow("defineExperiment: options must have names of their own, got --learning-rate"));
});

describe("--help", () => {
  const help = (experiment: typeof tiny): string => {
    const write = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
    try {
      expect(() => commandLine(experiment, []).parse(["--help"])).toThrow(CommanderError);
      return write.mock.calls.join("").replaceAll(/\s+/g, " ");
    } finally {
      write.mockRestore();
    }
  };

  it("says which data sets an option is for", () => {
    expect(help(tiny)).toContain("--loud-labels say the labels (with --dataset stripes)");
    expect(help(tiny)).toContain("(not with --dataset dots)");
    expect(help(tiny)).toContain("frames that each recording is cut into (with --dataset dots)");
  });

  it("says that --neuron-rate is for all that neurons learn", () =>
    expect(help(tiny)).toContain("learning rate of what neurons learn, such as PLIF's w, as a factor of the others'"));

  it("leaves out what no data set uses", () => {
    const { dots, stripes } = tiny.datasets;
    const of = (datasets: object) => help({ ...tiny, datasets } as typeof tiny);
    expect([of({ dots }).includes("--steps"), of({ dots }).includes("--frames")]).toEqual([false, true]);
    expect([of({ stripes }).includes("--steps"), of({ stripes }).includes("--frames")]).toEqual([true, false]);
    expect(of({ stripes: { ...stripes, sequences: true } })).not.toContain("--steps");
    expect([of({ dots }).includes("--truncated"), of({ stripes }).includes("--truncated")]).toEqual([true, false]);
  });
});

describe("defineExperiment", () => {
  const { open } = tiny.datasets.stripes!;
  const { recordings } = tiny.datasets.dots!;
  it.each([
    ["neither", {}],
    ["both", { open, recordings }],
  ])("refuses a data set with %s of open and recordings", (got, ways) =>
    expect(() =>
      defineExperiment({ ...tiny, datasets: { wrong: { title: "Wrong", ...(ways as { open: typeof open & {} }) } } }),
    ).toThrow(new TypeError(`defineExperiment: the data set wrong must have open or recordings, got ${got}`)),
  );
});

describe("values", () => {
  it.each([
    ["sew-ad", "It must be one of sew-add, plain. Did you mean sew-add?"],
    ["something", "It must be one of sew-add, plain."],
    ["bah", "It must be one of sew-add, plain."],
  ])("suggest the nearest word for %s", (text, message) =>
    expect(() => oneOf(["sew-add", "plain"])(text)).toThrow(new InvalidArgumentError(message)),
  );

  it("suggest no number for another, and no word for one that shares hardly a letter with it", () => {
    expect(() => oneOf(["18", "50"])("20")).toThrow(new InvalidArgumentError("It must be one of 18, 50."));
    expect(() => oneOf(["if", "lif"])("and")).toThrow(new InvalidArgumentError("It must be one of if, lif."));
  });

  it("are words in any case", () => expect(oneOf(["plif", "superSpike"])("SUPERSPIKE")).toBe("superSpike"));

  it.each(["0", "1.5", "", "x", "1e999"])("refuse %j as a count", (text) =>
    expect(() => parseInteger(1)(text)).toThrow(new InvalidArgumentError("It must be an integer of at least 1.")),
  );

  it.each(["", "x", "NaN", "Infinity", "0", "-1"])("refuse %j as a number above 0", (text) =>
    expect(() => parseNumber({ above: 0 })(text)).toThrow(new InvalidArgumentError("It must be a number above 0.")),
  );
});

describe("chosenNotation", () => {
  const chosen = { block: "plain", neuron: "norse" } as const;
  const notation = "c8k3s1-BN-PLIF-{SEW Block(c8)-MPk2s2}*2-SEW(c8)-SEW AND(c8)-FC16-PLIF-FC2";

  it("leaves all but SEW as it is where no neurons are chosen", () =>
    expect(chosenNotation(notation, { block: "plain" })).toBe(
      "c8k3s1-BN-PLIF-{Plain Block(c8)-MPk2s2}*2-Plain(c8)-SEW AND(c8)-FC16-PLIF-FC2",
    ));

  it("puts the chosen neurons everywhere", () =>
    expect(chosenNotation(notation, { block: "sew-add", neuron: "if" })).toBe(
      "c8k3s1-BN-IF-{SEW ADD Block(c8)-MPk2s2}*2-SEW ADD(c8)-SEW AND(c8)-FC16-IF-FC2",
    ));

  it("leaves a readout that does not spike", () =>
    expect(chosenNotation("c8-BN-PLIF-SEW(c8)-FC2-LI", { block: "sew-add", neuron: "slidingpsn" })).toBe(
      "c8-BN-SLIDINGPSN-SEW ADD(c8)-FC2-LI",
    ));

  it("has ReLU for neurons in the ANNs", () =>
    expect(chosenNotation("c8-BN-LIF-SEW(c8)-FC2", { block: "ann" })).toBe("c8-BN-ReLU-ANN(c8)-FC2"));

  it.each(Object.keys(blocks))("leaves a SEW that is part of the name %s", (name) => {
    const own = `c8-BN-IF-${name} Block(c8)-${name}-{${name.replace(" ", "  ")}(c8)}*2-FC2`;
    expect(chosenNotation(own, { block: "plain" })).toBe(own);
  });

  it("tells apart neurons of one's own whose names begin with another's", () => {
    const own = { "IF slow": () => neurons(lif), "LIF slow": () => neurons(lif) };
    const choose = (neuron: string) => chosenNotation("c8-BN-IF  slow-LIF-FC2", { block: "plain", neuron }, own);
    expect(choose("lif")).toBe("c8-BN-LIF-LIF-FC2");
    expect(choose("lif-slow")).toBe("c8-BN-LIF slow-LIF slow-FC2");
  });

  it("refuses neurons that nobody has", () => {
    const message = `model: neuron must be one of ${neuronNames().join(", ")}, got "norse"`;
    for (const choose of [() => chosenNotation(notation, chosen), () => familyOf(chosen)]) {
      expect(choose).toThrow(new RangeError(message));
    }
  });

  it("refuses a family that no notation describes", () => {
    const known = familyNames.filter((name) => name !== "td-bn").join(", ");
    expect(() => chosenNotation(notation, { block: "td-bn" })).toThrow(
      new RangeError(`model: block must be one of ${known} for a notation, got td-bn; its norm has no notation`),
    );
  });
});

describe("recipes", () => {
  it.each(Object.keys(optimizers) as (keyof typeof optimizers)[])("make %s", (optimizer) =>
    expect(optimizerOf({ ...baseRecipe, optimizer, weightDecay: 0.1, clipNorm: 1 }, linear(2, 2))).toBeDefined(),
  );

  it("scale the learning rate of what neurons learn, whatever its name, and of nothing else", () => {
    const model = sequential({
      w: linear(2, 3),
      plif: sequential({ shared: neurons(plif)(3) }),
      lif: neurons(lif, { vThreshold: learnable(1, "channel") })(3),
      // The weights of parallel neurons are a matrix over time, as those of a linear layer.
      psn: parallelNeurons(psn, { steps: 2 })(3),
    });
    const factors = (neuronRate: number) => {
      const transforms = optimizerOf({ ...baseRecipe, neuronRate }, model) as readonly ParameterTransform[];
      const scaled = transforms.filter(({ name }) => name === "scaleBy");
      return scaled.map(({ where }) => [...namedParameters(model).keys()].filter(where!));
    };
    expect(factors(0.1)).toEqual([["plif.shared.w", "lif.vThreshold"]]);
    expect(factors(1)).toEqual([]);
    const trained = optimizer(model, optimizerOf({ ...baseRecipe, neuronRate: 0.5, momentum: 0 }, model));
    const values = () => ["plif.shared.w", "w.bias"].map((name) => namedParameters(model).get(name)!.dataSync()[0]!);
    const before = values();
    trained.apply({ "plif.shared.w": scalar(1), "w.bias": ones([3]) }, 0.5);
    expect(values().map((value, i) => before[i]! - value)).toEqual([0.25, expect.closeTo(0.5, 6)]);
    disposeModule(model);
    trained.dispose();
  });

  it("warm up to a schedule", () => {
    const rate = scheduleOf({ ...baseRecipe, schedule: "step", learningRate: 1, warmup: 2 });
    const at = [0, 1, 63, 64, 128].map((epoch) => rate({ epoch, step: 0 }));
    expect(at).toEqual([0.5, 1, 1, 0.1, expect.closeTo(0.01, 12)]);
  });

  it("smooth labels", async () => {
    const { tensor1d, tensor3d } = await import("@tensorflow/tfjs-core");
    const [logits, labels] = [tensor3d([[[2, 0]]]), tensor1d([0], "int32")];
    const [plain, smooth] = [0, 0.5].map((labelSmoothing) =>
      lossOf({ loss: "cross-entropy", labelSmoothing })(logits, labels),
    );
    // Half of the target moves to both classes alike: + ε/2 · (z₀ − z₁).
    expect(smooth!.arraySync() - plain!.arraySync()).toBeCloseTo(0.5, 5);
  });
});

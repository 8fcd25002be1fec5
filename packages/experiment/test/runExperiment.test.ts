import { execSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Energy, SynOps } from "@sew/analysis";
import { firingRates } from "@sew/analysis";
import { instructionSets } from "@sew/backend-native";
import { loadWeights, readSafetensors, writeSafetensors } from "@sew/checkpoints";
import { network } from "@sew/models";
import type { EpochMetrics } from "@sew/training";
import { tensor, transpose } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elsewhere, interrupted, json, present, run, tensors } from "./runs.js";
import { tiny } from "./tinyExperiment.mjs";

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "sew-experiment-"));
const whole = "runs/tiny/stripes-sew-add";

beforeAll(async () => {
  process.chdir(folder);
  expect(await run("--json", "numbers/whole.json")).toMatchObject({ code: 0 });
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

describe("a run", () => {
  it("leaves settings, metrics, checkpoints, events and a report", () => {
    const names = ["config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "report.html"];
    expect(present(whole, names)).toEqual(names);
    expect(readdirSync(whole).filter((name) => name.startsWith("events.out.tfevents."))).toHaveLength(1);
  });

  it("writes all settings and what it was made with into config.json", () => {
    expect(json(whole, "config.json")).toMatchObject({
      experiment: "tiny",
      dataset: "stripes",
      block: "sew-add",
      epochs: 2,
      batch: 4,
      learningRate: 0.02,
      schedule: "cosine",
      optimizer: "sgd",
      seed: 0,
      width: 4,
      head: "notation",
      preset: "short",
      notation: "c4k3s1-BN-PLIF-SEW ADD Block(c4)-FC2",
      neurons: [{ neuron: "plif", surrogate: "atan", layers: 3, parameters: {} }],
      command: "tiny --backend cpu --workers 0 --json numbers/whole.json",
      versions: { node: process.version, "@sew/training": expect.any(String) },
      environment: { backend: "cpu", cores: expect.any(Number) },
      fingerprints: { train: expect.stringMatching(/^[0-9a-f]{64}$/), test: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  it("writes its numbers where --json says", () => {
    const numbers = json("numbers/whole.json");
    expect(numbers).toMatchObject({ dataset: "stripes", epochs: 2, evaluatedOn: "test", bestBy: "test", samples: 8 });
    const lines = readFileSync(join(whole, "metrics.jsonl"), "utf8").trim().split("\n");
    const best = JSON.parse(lines[numbers.bestEpoch as number]!) as { testTop1: number };
    expect(numbers.bestTop1).toBe(best.testTop1);
  });

  it("leaves its numbers in its folder, too, and where it diverged", async () => {
    expect(json(whole, "numbers.json")).toEqual(json("numbers/whole.json"));
    const { code } = await run("--learning-rate", "1e30", "--out", "diverged");
    expect([code, json("diverged", "numbers.json")]).toEqual([
      1,
      expect.objectContaining({ experiment: "tiny", diverged: expect.stringContaining("must be finite") }),
    ]);
  });

  it("measures its epochs for metrics.jsonl: accuracy by time-steps, and its blocks and neurons", () => {
    const [first, last] = readFileSync(join(whole, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as EpochMetrics);
    for (const metrics of [first!, last!]) {
      expect(metrics).toMatchObject({
        testTop1PerStep: [expect.any(Number), expect.any(Number), metrics.testTop1],
        gradientNorms: { block0: expect.any(Number) },
        firingRates: { block0: { residual: expect.any(Number), output: expect.any(Number) } },
      });
      expect(Object.keys(metrics.timeConstants!)).toEqual(["unit0.neuron", "block0.a.neuron", "block0.b.neuron"]);
      for (const tau of Object.values(metrics.timeConstants!)) expect(Math.abs(tau - 2)).toBeLessThan(0.5);
    }
    expect(last!.timeConstants).not.toEqual(first!.timeConstants);
  });

  it("shows predictions, measures, command and fingerprints in its report", () => {
    const page = readFileSync(join(whole, "report.html"), "utf8");
    for (const text of [
      "<h2>Predictions, test data</h2>",
      "Top-1 on test data by time-steps used",
      "Gradient norm ‖∂L/∂O‖ of blocks",
      "Learned time constant τ",
      "firing rates are measured on 4 samples of the evaluation data, gradient norms on 4 of the training data",
      "<h2>Synaptic operations</h2>",
      "means of 8 samples",
      "<h2>Energy</h2>",
      '<th scope="row">command</th><td>tiny --backend cpu',
      '<th scope="row">fingerprints.train</th>',
    ]) {
      expect([text, page.includes(text)]).toEqual([text, true]);
    }
  });

  it("leaves its synaptic operations and their energy as JSON, and by layer as CSV, as its epochs", () => {
    const { layers, samples, energy } = JSON.parse(readFileSync(join(whole, "synops.json"), "utf8")) as SynOps & {
      readonly energy: Energy;
    };
    expect(Object.keys(layers)).toEqual(["unit0.conv", "block0.a.conv", "block0.b.conv", "classifier"]);
    expect([samples, energy.exact > 0, energy.exact < energy.dense]).toEqual([8, true, true]);
    const rows = (name: string) => readFileSync(join(whole, name), "utf8").trimEnd().split("\n");
    expect(rows("synops.csv").map((row) => row.split(",")[0])).toEqual(["name", ...Object.keys(layers)]);
    const [columns, ...epochs] = rows("metrics.csv");
    expect(columns).toMatch(/^epoch,learningRate,.*gradientNorms\.block0/);
    expect(epochs.map((row) => row.split(",")[0])).toEqual(["0", "1"]);
  });

  it("has its report after every epoch, with what is known by then, and its numbers at the end alone", async () => {
    const { code } = await interrupted(7, "--out", "early", "--epochs", "3");
    const page = readFileSync(join("early", "report.html"), "utf8");
    expect([code, page.includes("<h2>Predictions, test data</h2>"), page.includes("epoch 1; at the end test")]).toEqual(
      [130, true, true],
    );
    expect(present("early", ["numbers.json", "synops.csv", "synops.json"])).toEqual([]);
    expect(await run("--out", "early", "--resume")).toMatchObject({ code: 0 });
    expect(present("early", ["numbers.json", "synops.csv", "synops.json"])).toEqual([
      "numbers.json",
      "synops.csv",
      "synops.json",
    ]);
  });

  it("shows the data set's notes and the experiment's own sections in its report", () => {
    const page = readFileSync(join(whole, "report.html"), "utf8");
    expect(page).toContain("<li>Stripes are drawn.</li>");
    expect(page).toContain("<h2>Width</h2>\n<p>4 channels, 2 epochs</p>");
    expect(page).toContain("c4k3s1-BN-PLIF-SEW ADD Block(c4)-FC2");
  });

  it("without data to test on reports the last epoch", async () => {
    expect(await run("--dataset", "untested", "--out", "untested", "--json", "untested.json")).toMatchObject({
      code: 0,
    });
    expect(json("untested.json")).toMatchObject({ bestBy: "last", epochs: 1, bestEpoch: 0 });
    expect(json("untested.json")).not.toHaveProperty("bestTop1");
  });

  it("chooses the best epoch on held-out training samples, and tests on the test data", async () => {
    const { code, err } = await run("--validation", "0.25", "--out", "held", "--json", "held.json");
    expect([code, err]).toEqual([0, expect.stringContaining("best on validation data")]);
    expect(json("held.json")).toMatchObject({ bestBy: "validation", evaluatedOn: "test", samples: 8 });
    expect(readFileSync("held/report.html", "utf8")).toContain("Best on validation data");
  });
});

describe("the diagnosis of a run", () => {
  it("is for TensorBoard: hyper-parameters, samples, firing rates and gradient norms of each block", async () => {
    const names = readdirSync(whole).filter((name) => name.startsWith("events.out.tfevents."));
    const text = readFileSync(join(whole, names[0]!)).toString("latin1");
    for (const tag of [
      "_hparams_/session_start_info",
      "step/loss",
      "samples/row",
      "samples/column",
      "firing rates/block0",
      "gradient norm/block0",
      "gradient norm of samples/block0",
    ]) {
      expect([tag, text.includes(tag)]).toEqual([tag, true]);
    }
  });

  it("raises an alarm of a block that never fires: on standard error, in alarms.json and in the report, once", async () => {
    const { tensors } = await readSafetensors(join(whole, "best.safetensors"));
    const { shape } = tensors.get("unit0.norm.bias")!;
    const dark = { shape, values: new Float32Array(shape[0]!).fill(-100) };
    await writeSafetensors("dark.safetensors", new Map([...tensors, ["unit0.norm.bias", dark]]), {});
    // 16 updates an epoch: the measurement of the first comes too early for an alarm, that of the last, after 64, does not.
    const still = ["--learning-rate", "0", "--schedule", "constant", "--batch", "1", "--epochs", "4"];
    const { code, err } = await run("--weights", "dark.safetensors", ...still, "--out", "silent");
    const alarm = "block0 is silent: neither its residual path nor its output fires";
    expect(err).not.toContain("alarm, epoch 1");
    expect([code, err]).toEqual([0, expect.stringContaining(`alarm, epoch 4: ${alarm}`)]);
    expect(json("silent", "alarms.json")).toMatchObject({ alarms: [{ kind: "silent", place: "block0", epoch: 3 }] });
    expect(readFileSync("silent/report.html", "utf8")).toContain(`<li>Alarm, epoch 4: ${alarm}`);
    const resumed = await run("--out", "silent", "--resume", "--epochs", "5");
    expect([resumed.code, resumed.err.includes(alarm)]).toEqual([0, false]);
    expect(readFileSync("silent/report.html", "utf8")).toContain(`<li>Alarm, epoch 4: ${alarm}`);
  });
});

describe("a run that has learned nothing", () => {
  it("says so at its end, and raises an alarm, where its loss is far above chance", async () => {
    const wild = ["--learning-rate", "1e6", "--schedule", "constant", "--epochs", "1"];
    const { code, err } = await run(...wild, "--out", "wild");
    const text = /the training loss is [\d.e+]+, far above that of guessing among 2 classes, 0.693: the weights have/
      .source;
    expect(code).toBe(0);
    expect(err).toMatch(new RegExp(`alarm, epoch 1: ${text}`));
    expect(err).toMatch(new RegExp(`report: .*\nnothing was learned: ${text}`));
    expect(json("wild", "alarms.json")).toMatchObject({ alarms: [{ kind: "loss above chance" }] });
    expect((await run("--epochs", "1", "--out", "tame")).err).not.toContain("nothing was learned");
  });
});

describe("the folder of a run", () => {
  it("is a new one each time without --out, and is named", async () => {
    const { code, err } = await run("--epochs", "1");
    expect([code, err]).toEqual([0, expect.stringContaining(`run folder: ${whole}-2\n`)]);
    expect(present(`${whole}-2`, ["report.html"])).toHaveLength(1);
  });

  it("is refused when it holds a run, with nothing touched", async () => {
    const before = readFileSync(join(whole, "config.json"), "utf8");
    const { code, err } = await run("--out", whole, "--seed", "1");
    expect([code, err]).toEqual([
      1,
      `error: --out: ${whole} holds a run already; --resume continues it, --overwrite replaces it, --out names another folder\n`,
    ]);
    expect(readFileSync(join(whole, "config.json"), "utf8")).toBe(before);
  });

  it("is made in no folder of a report, with --overwrite either", async () => {
    mkdirSync("check");
    writeFileSync(join("check", "check.json"), "{}");
    for (const options of [[], ["--overwrite"]]) {
      const { code, err } = await run("--out", "check", ...options);
      expect([code, err]).toEqual([
        1,
        "error: --out: check must hold no gradient check, got check.json; name another folder\n",
      ]);
    }
  });

  it("is replaced with --overwrite", async () => {
    expect(await run("--out", "replaced", "--epochs", "1")).toMatchObject({ code: 0 });
    expect(await run("--out", "replaced", "--epochs", "1", "--seed", "5", "--overwrite")).toMatchObject({ code: 0 });
    expect(json("replaced/config.json")).toMatchObject({ seed: 5 });
    const events = readdirSync("replaced").filter((name) => name.startsWith("events."));
    expect(events.filter((name) => statSync(join("replaced", name)).size > 0)).toHaveLength(1);
  });

  it("is not left behind by a run that does not start", async () => {
    expect(await run("--dataset", "fetched", "--data", "nowhere")).toMatchObject({ code: 1 });
    expect(readdirSync("runs/tiny").filter((name) => name.startsWith("fetched"))).toEqual([]);
  });
});

describe("the data", () => {
  it("must be a folder where the data set needs one", async () => {
    writeFileSync("file", "");
    for (const [data, got] of [
      ["no\u001bwhere", '"no\\u001bwhere", which does not exist'],
      ["file", '"file", which is none'],
    ] as const) {
      expect(await run("--dataset", "fetched", "--data", data)).toMatchObject({
        code: 1,
        err: expect.stringContaining(`error: --data: dir must be a folder, got ${got}; name the folder of Stripes`),
      });
    }
  });

  it("must have training samples", async () => {
    expect(await run("--dataset", "fetched", "--data", ".")).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        "error: defineExperiment: open of fetched must return train, the source of training samples, got an object\n",
      ),
    });
  });

  it("must have the frames that training keeps", async () => {
    expect(await run("--train-frames", "4", "--out", "never")).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        "error: --train-frames: samples of stripes must have at least 4 frames, got [3,6,6,2]; choose fewer, or --train-frames all\n",
      ),
    });
    expect(await run("--train-frames", "2", "--epochs", "1", "--out", "kept")).toMatchObject({ code: 0 });
  });

  it("are recordings, cut into frames once into the cache, which a resumed run takes up", async () => {
    const dots = ["--dataset", "dots", "--out", "dots", "--cache", "frames"];
    expect(await run(...dots)).toMatchObject({ code: 0, err: expect.stringContaining("integrating test frames: 4/4") });
    expect(readdirSync("frames").sort()).toEqual(["dots-test-12-count", "dots-train-12-count"]);
    expect(json("dots/config.json")).toMatchObject({ frames: 12, trainFrames: 9, by: "count" });
    const resumed = await run("--out", "dots", "--resume", "--epochs", "2");
    expect([resumed.code, resumed.err.includes("integrating")]).toEqual([0, false]);
  });
});

describe("an error of a library", () => {
  it("advises options of the command line, when training and when data are checked", async () => {
    const wrong = (...argv: string[]) => elsewhere({ SEW_TEST_WRONG: "2" }, "--dataset", "dots", ...argv);
    const advice = "wrong; pass --truncated keep, or pass --loud-labels; change --validation\n";
    const training = await wrong("--cache", "wrong-frames", "--out", "never");
    expect([training.code, training.err]).toEqual([1, expect.stringContaining(advice)]);
    const checked = await wrong("--check-data", ".", "--out", "checked");
    expect([checked.code, checked.out]).toEqual([1, expect.stringContaining(advice)]);
  });
});

describe("an option that has no effect", () => {
  it.each([
    [["--steps", "2"], "--steps has no effect with --dataset stripes, whose samples have time-steps of their own"],
    [
      ["--dataset", "pictures", "--train-frames", "all"],
      "--train-frames has no effect with --dataset pictures, whose samples have one frame",
    ],
    [
      ["--neuron", "if", "--neuron-rate", "0.5"],
      "--neuron-rate has no effect on neurons without learned parameters such as PLIF's w",
    ],
  ])("is refused once data and network are there: %j", async (argv, message) => {
    const { code, err } = await run(...argv, "--out", "never");
    expect([code, err]).toEqual([2, expect.stringContaining(`error: ${message}\n`)]);
    expect(present(".", ["never"])).toEqual([]);
  });

  it("is no obstacle to resuming the run whose config.json has it", async () => {
    expect(await run("--epochs", "1", "--out", "older", "--dataset", "dots")).toMatchObject({ code: 0 });
    const config = { ...json("older/config.json"), steps: 5, loudLabels: true };
    writeFileSync("older/config.json", JSON.stringify(config));
    expect(await run("--out", "older", "--evaluate")).toMatchObject({ code: 0 });
  });
});

describe("the native backend where it cannot be loaded", () => {
  const onNative = (...argv: string[]) =>
    elsewhere({ SEW_NATIVE: "off" }, "--backend", "native", "--epochs", "1", ...argv);

  it("ends the run before it starts: no other backend takes its place", async () => {
    const { code, err } = await onNative("--out", "without-native");
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(
        "error: useBackend: the C++ addon of @sew/backend-native cannot be loaded: SEW_NATIVE=off forbids it; " +
          'unset SEW_NATIVE; or choose cpu (useBackend("cpu"), --backend cpu), which is 900 to 3,800 times slower\n',
      ),
    ]);
    expect(present(".", ["without-native"])).toEqual([]);
  });

  it("is not needed with --backend cpu", async () =>
    expect(await onNative("--out", "on-cpu", "--backend", "cpu")).toMatchObject({ code: 0 }));
});

describe("a resumed run", () => {
  it("ends as one that SIGINT did not stop, with the settings of its config.json", async () => {
    // Of the reads of an epoch, and those of the diagnosis before and after the first, the seventh is in the second epoch.
    const stopped = await interrupted(7, "--out", "stopped", "--seed", "3", "--ema", "0.5");
    expect([stopped.code, stopped.err]).toEqual([130, expect.stringContaining("SIGINT: stopping after this step")]);
    const [, command] = /^stopped in epoch 2\/2; resume by: ((?:cd .* && )?node .*)$/m.exec(stopped.err)!;
    expect(command).toMatch(/tinyExperiment\.mjs --out stopped --resume$/);
    execSync(command!, { stdio: "ignore" });
    expect(await run("--out", "unstopped", "--seed", "3", "--ema", "0.5")).toMatchObject({ code: 0 });
    expect(await tensors("stopped")).toEqual(await tensors("unstopped"));
    expect(await tensors("stopped", "best.safetensors")).toEqual(await tensors("unstopped", "best.safetensors"));
  });

  it("is refused with other settings, and leaves config.json as it was", async () => {
    const before = readFileSync(join(whole, "config.json"), "utf8");
    const { code, err } = await run("--out", whole, "--resume", "--block", "plain");
    expect(code).toBe(1);
    expect(err).toContain('block was "sew-add" and is "plain"');
    expect(readFileSync(join(whole, "config.json"), "utf8")).toBe(before);
  });

  it.each([
    ["instructionSet was", "SEW_ISA", "scalar", "auto"],
    ['spikeConvolution was "off" and is "on"', "SEW_SPIKE_CONVOLUTION", "off", "on"],
    ["break-even of ", "SEW_BREAK_EVEN", "0.1", "0.2"],
    ["precision was", "SEW_PRECISION", "float32", "bf16"],
  ])("on native is refused where it would round differently: %s", async (message, variable, before, after) => {
    const out = `rounds-${variable}`;
    const onNative = (value: string, ...argv: string[]) =>
      elsewhere({ [variable]: value }, "--backend", "native", "--epochs", "1", "--out", out, ...argv);
    const [first, second] =
      variable === "SEW_ISA" ? [instructionSets().at(0)!, instructionSets().at(-1)!] : [before, after];
    if (first === second) return;
    expect(await onNative(first)).toMatchObject({ code: 0 });
    expect(await onNative(second, "--resume")).toMatchObject({ code: 1, err: expect.stringContaining(message) });
    expect(await onNative(first, "--resume")).toMatchObject({ code: 0 });
  });

  it("reads a config.json with a byte order mark, and waits for no pipe of that name", async () => {
    expect(await run("--out", "marked", "--epochs", "1", "--width", "3")).toMatchObject({ code: 0 });
    writeFileSync("marked/config.json", `\ufeff${readFileSync("marked/config.json", "utf8")}`);
    expect(await run("--out", "marked", "--resume")).toMatchObject({ code: 0 });
    expect(json("marked/config.json")).toMatchObject({ width: 3 });
    rmSync("marked/config.json");
    execSync("mkfifo marked/config.json");
    expect(await run("--out", "marked", "--resume")).toMatchObject({
      code: 1,
      err: expect.stringContaining("error: config: marked/config.json must be a regular file, got a pipe\n"),
    });
  });

  it("without --out is the newest", async () => {
    expect(await run("--resume")).toMatchObject({
      code: 0,
      err: expect.stringContaining(`continuing the run: ${whole}-2\n`),
    });
  });

  it("must exist", async () => {
    expect(await run("--resume", "--block", "plain")).toMatchObject({
      code: 1,
      err: "error: tiny: no run runs/tiny/stripes-plain to resume; name its folder by --out\n",
    });
  });
});

describe("--evaluate", () => {
  it("prints the numbers of the run's best weights, without training", async () => {
    const before = readdirSync(whole);
    const { code, out } = await run("--evaluate", "--out", whole, "--json", "numbers/again.json");
    expect(code).toBe(0);
    const { bestTop1, bestLoss } = json("numbers/whole.json");
    expect(JSON.parse(out)).toMatchObject({ bestTop1, bestLoss, weights: join(whole, "best.safetensors") });
    expect(json("numbers/again.json")).toEqual(JSON.parse(out));
    expect(readdirSync(whole)).toEqual(before);
  });

  it("takes model and data from the config.json beside --weights", async () => {
    expect(await run("--out", "wide", "--width", "6", "--epochs", "1")).toMatchObject({ code: 0 });
    const { code, out } = await run("--evaluate", "--weights", "wide/best.safetensors");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ notation: "c6k3s1-BN-PLIF-SEW ADD Block(c6)-FC2" });
  });

  it("is refused of a run of another experiment, as is resuming it, but with --weights", async () => {
    mkdirSync("foreign");
    for (const experiment of ["other", undefined]) {
      writeFileSync("foreign/config.json", JSON.stringify({ experiment, dataset: "n-mnist", data: "d" }));
      const got = experiment === undefined ? "undefined" : '"other"';
      for (const action of ["--resume", "--evaluate"]) {
        expect(await run("--out", "foreign", action)).toMatchObject({
          code: 1,
          err: `error: --out: foreign must hold a run of tiny, got one of ${got}; run that experiment, or name another folder\n`,
        });
      }
    }
    expect(await run("--out", "foreign", "--evaluate", "--weights", `${whole}/best.safetensors`)).toMatchObject({
      code: 0,
    });
  });

  it("measures the firing rates of the best weights with --firing-rates, on samples at equal distances", async () => {
    const { code, out, err } = await run("--evaluate", "--out", whole, "--firing-rates", "3", "--json", "rates.json");
    expect([code, err.split("\n").at(-2)]).toEqual([
      0,
      `firing rates of 3 test samples, ${join(whole, "best.safetensors")}`,
    ]);
    const numbers = JSON.parse(out);
    expect(json("rates.json")).toEqual(numbers);
    const { test } = await tiny.datasets.stripes!.open!({} as never, () => () => {});
    const net = network(numbers.notation, { height: 6, width: 6 });
    await loadWeights(net, numbers.weights);
    const x = transpose(tensor(await test!.read([0, 2, 5]), [3, ...test!.shape]), [1, 0, 2, 3, 4]);
    const { blocks } = await firingRates(net, x);
    expect(numbers).toMatchObject({ samples: 3, evaluatedOn: "test" });
    expect(Object.keys(numbers.firingRates)).toEqual(Object.keys(blocks));
    for (const [path, { residual, output }] of Object.entries(blocks)) {
      expect(numbers.firingRates[path].residual).toBeCloseTo(residual!, 6);
      expect(numbers.firingRates[path].output).toBeCloseTo(output, 6);
    }
    expect(await run("--evaluate", "--out", whole, "--firing-rates", "100")).toMatchObject({
      out: expect.stringContaining('"samples": 8'),
    });
  });

  it("names a run that is missing", async () => {
    expect(await run("--evaluate", "--block", "spiking")).toMatchObject({
      code: 1,
      err: "error: tiny: no run runs/tiny/stripes-spiking to evaluate; name its folder by --out\n",
    });
  });
});

describe("output", () => {
  it("shows control characters of names as escapes", async () => {
    const { err } = await run("--weights", "no\u001b[31m\u009b", "--out", "never");
    expect(err).toContain("no\\x1b[31m\\x9b");
    expect(err).not.toContain("\u001b");
    const wrong = await elsewhere({}, "--optimizer", "a\u001b[2J");
    expect([wrong.code, wrong.err.includes("\u001b")]).toEqual([2, false]);
  });

  it.skipIf(!existsSync("/dev/full"))("that is lost with the numbers of --evaluate is an error", () => {
    const main = fileURLToPath(new URL("./tinyExperiment.mjs", import.meta.url));
    const { status, stderr } = spawnSync(
      "bash",
      ["-c", 'exec "$0" "$@" >/dev/full', process.execPath, main, "--backend", "cpu", "--evaluate", "--out", whole],
      { encoding: "utf8" },
    );
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /error: --evaluate: standard output must be writable, got ENOSPC.*; name a file by --json\n$/,
      ),
    ]);
  });
});

describe("--weights", () => {
  const still = ["--learning-rate", "1e-30", "--schedule", "constant"];

  it("starts from all of a file", async () => {
    const { code, err } = await run("--weights", `${whole}/best.safetensors`, ...still, "--out", "same");
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/took \d+ tensors; kept as initialised: none; unused: none/),
    ]);
    const [before, after] = [await tensors(whole, "best.safetensors"), await tensors("same", "best.safetensors")];
    expect(after["classifier.weight"]).toEqual(before["classifier.weight"]);
  });

  it("starts from all but the classifier with --weights-except, and says so", async () => {
    const except = ["--weights-except", "classifier", ...still, "--out", "but"];
    const { code, err } = await run("--weights", `${whole}/best.safetensors`, ...except, "--seed", "9");
    expect(code).toBe(0);
    expect(err).toContain(
      "kept as initialised: classifier.weight, classifier.bias; unused: classifier.weight, classifier.bias\n",
    );
    const [before, after] = [await tensors(whole, "best.safetensors"), await tensors("but", "best.safetensors")];
    expect(after["unit0.conv.weight"]).toEqual(before["unit0.conv.weight"]);
    expect(after["classifier.weight"]).not.toEqual(before["classifier.weight"]);
  });
});

describe("the network", () => {
  it("is that of --model, whose neurons stay unless --neuron replaces them", async () => {
    const model = "c3k3s1-BN-LIF-{SEW Block(c3)-MPk2s2}*1-FC2";
    const epoch = ["--epochs", "1", "--model", model, "--block", "sew-iand"];
    expect(await run(...epoch, "--out", "modelled")).toMatchObject({ code: 0 });
    expect(json("modelled/config.json")).toMatchObject({
      model,
      notation: "c3k3s1-BN-LIF-{SEW IAND Block(c3)-MPk2s2}*1-FC2",
    });
    expect(await run(...epoch, "--neuron", "eif", "--surrogate", "sigmoid", "--out", "eif")).toMatchObject({ code: 0 });
    expect(json("eif/config.json")).toMatchObject({ notation: "c3k3s1-BN-EIF-{SEW IAND Block(c3)-MPk2s2}*1-FC2" });
    // Of the T of its data, with which the weights go into the checkpoint and back.
    expect(await run(...epoch, "--neuron", "psn", "--out", "psn")).toMatchObject({ code: 0 });
    expect(json("psn/config.json")).toMatchObject({ notation: "c3k3s1-BN-PSN-{SEW IAND Block(c3)-MPk2s2}*1-FC2" });
    expect(await run("--evaluate", "--out", "psn")).toMatchObject({ code: 0 });
  });

  it("has neurons of the experiment's own, by name in --neuron and in --model, with the surrogate of --surrogate", async () => {
    const epoch = ["--epochs", "1", "--dataset", "untested"];
    const named = [...epoch, "--neuron", "own-lif", "--out", "named"];
    expect(await run(...named, "--surrogate", "constant")).toMatchObject({ code: 0 });
    expect(json("named/config.json")).toMatchObject({
      neuron: "own-lif",
      notation: "c2k3s1-BN-Own LIF-SEW ADD Block(c2)-FC2",
    });
    const learned = await tensors("named");
    expect(learned["unit0.neuron.vThreshold"]).toHaveLength(2);
    expect(learned["unit0.neuron.vThreshold"]).not.toEqual([0.5, 0.5]);
    expect(await run(...named.with(-1, "other"))).toMatchObject({ code: 0 });
    expect(await tensors("other")).not.toEqual(learned);
    const model = "c2-BN-Own LIF-FC2";
    expect(await run(...epoch, "--model", model, "--out", "noted")).toMatchObject({ code: 0 });
    expect(json("noted/config.json")).toMatchObject({ notation: model });
    expect(Object.keys(await tensors("noted"))).toContain("unit0.neuron.vThreshold");
  });

  it("may be a module of the experiment's own", async () => {
    expect(await run("--head", "module", "--epochs", "1", "--out", "module")).toMatchObject({ code: 0 });
    expect(json("module/config.json")).toMatchObject({ notation: "one linear layer", parameters: 146 });
  });
});

describe("--json", () => {
  it("replaces nothing but a regular file, and is checked before the run", async () => {
    mkdirSync("a-folder");
    expect(await run("--json", "a-folder", "--out", "never")).toMatchObject({
      code: 1,
      err: "error: --json: a-folder must be a regular file or new, got a folder; choose another name\n",
    });
    expect(await run("--json", "/dev/null", "--out", "never")).toMatchObject({ code: 1 });
    expect(present(".", ["never"])).toEqual([]);
    writeFileSync("old.json", "old");
    expect(await run("--evaluate", "--out", whole, "--json", "old.json")).toMatchObject({ code: 0 });
    expect(json("old.json")).toMatchObject({ experiment: "tiny" });
  });
});

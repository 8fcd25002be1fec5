import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { useBackend } from "@sew/backends";
import { toTorch } from "@sew/checkpoints";
import { unavailable } from "@sew/kernels/testing";
import { disposeModule, namedParameters, run } from "@sew/layers";
import { resNet, sevenBNet } from "@sew/models";
import { random } from "@sew/random";
import { momentum, optimizer, trainStep } from "@sew/training";
import { tensor, tidy } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSameNetwork, type Found, figuresOf } from "../src/peers/figures.js";
import { measure, versionsOf } from "../src/peers/measure.js";
import { type Message, parseMessage } from "../src/peers/messages.js";
import { environmentRemedy, parseOptions } from "../src/peers/options.js";
import { markdown, type WorkFigures, wayTable } from "../src/peers/tables.js";
import { EAGER, environmentOf, type Way, ways } from "../src/peers/ways.js";

const main = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sew-peers-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program in the place of Python: the body of a Node script in which `say` prints a message. */
function fakePython(name: string, body: string): string {
  const file = join(folder, name);
  const say = "const say = (message) => console.log(JSON.stringify(message));";
  writeFileSync(file, `#!${process.execPath}\n${say}\nconst work = process.argv[3];\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [main, "peers", ...args], { cwd: folder, encoding: "utf8" });

/** Waits until a process has ended, or has only to be collected by its new parent. */
async function endOf(pid: number): Promise<void> {
  const state = () => spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
  while (!/^(Z.*)?$/.test(state())) await sleep(20);
}

const command = (body: string) => ({ file: fakePython("python", body), args: [], env: {} });

const complete = `say({ versions: { torch: "2" } }); say({ layers: [3, 2] }); say({ output: [1, 2] });
say({ warmUp: 5 }); say({ warmUp: 1 }); say({ seconds: 1 }); say({ seconds: 3 }); say({ peak: 7 });`;

describe("the options of pnpm bench peers", () => {
  it("measure every work in every way on all cores by default", () => {
    expect(parseOptions(["--python", "p"])).toMatchObject({
      python: "p",
      names: [
        "7B-Net T=16 N=2 128x128, train step",
        "7B-Net T=16 N=2 128x128, forward",
        "SEW-ResNet-18 T=4 N=4 224x224, train step",
        "SEW-ResNet-18 T=4 N=4 224x224, forward",
        "SEW-ResNet-50 T=4 N=2 224x224, train step",
        "SEW-ResNet-50 T=4 N=2 224x224, forward",
      ],
      ways,
      rounds: 2,
      runs: 7,
      json: "runs/benchmark/peers.json",
    });
  });

  it("take works by a part of their name and ways by their names", () => {
    const { names, ways } = parseOptions(["--python", "p", "--filter", "7b-net", "--ways", "bf16, ours"]);
    expect(names).toEqual(["7B-Net T=16 N=2 128x128, train step", "7B-Net T=16 N=2 128x128, forward"]);
    expect(ways.map(({ name }) => name)).toEqual(["ours", "bf16"]);
  });

  it.each([{ args: [] }, { args: ["--python", ""] }])(
    "say how to make the environment where no Python is named: $args",
    ({ args }) => {
      const { status, stdout, stderr } = bench(...args);
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toBe(
        "error: option '--python <path>' is missing: make an environment and name it:\n" +
          "  python3 -m venv peers && peers/bin/pip install torch torchvision spikingjelly==2.0.0\n" +
          "  pnpm bench peers --python peers/bin/python\n(--help lists the options)\n",
      );
    },
  );

  it("leave out works that have none of the ways, and refuse ways that no work has", () => {
    const { names } = parseOptions(["--python", "p", "--filter", "7b-net", "--ways", "memopt"]);
    expect(names).toEqual(["7B-Net T=16 N=2 128x128, train step"]);
    const { status, stdout, stderr } = bench(
      "--python",
      "p",
      "--filter",
      ", forward",
      "--ways",
      "memopt,ours+recompute",
    );
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      "error: option '--ways <names>' argument 'ours+recompute, memopt' is invalid. It must have a way for a work of " +
        `--filter: ${ways
          .filter(({ pass }) => pass !== "train")
          .map(({ name }) => name)
          .join(", ")}.\n(--help lists the options)\n`,
    );
  });

  it("refuse ways and works that there are not", () => {
    expect(bench("--python", "p", "--ways", "eager,fast").stderr).toContain(
      `error: option '--ways <names>' argument 'eager,fast' is invalid. "fast" is none of ours, ours+bf16, `,
    );
    expect(bench("--python", "p", "--filter", "7BNet").stderr).toContain(
      "error: option '--filter <text>' argument '7BNet' is invalid. It must be part of the name of a work. The nearest is \"7B-Net ",
    );
  });
});

describe("a way", () => {
  it("has a name of its own, and words that both programs know", () => {
    const names = ways.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const known = new Set("ours recompute eager channels-last bf16 malloc memopt fused compile".split(" "));
    expect(names.flatMap((name) => name.split("+")).filter((word) => !known.has(word))).toEqual([]);
  });

  it("changes the environment of its process where it says malloc", () => {
    expect(environmentOf({ name: "bf16", side: "peer" })).toEqual({});
    expect(environmentOf({ name: "bf16+malloc", side: "peer" })).toEqual({
      MALLOC_MMAP_MAX_: "0",
      MALLOC_TRIM_THRESHOLD_: "1099511627776",
      MALLOC_TOP_PAD_: "67108864",
    });
  });
});

describe("a line of a measuring process", () => {
  const seconds = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
  const message: fc.Arbitrary<Partial<Message>> = fc.oneof(
    fc.record({ versions: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }) }),
    fc.record({ layers: fc.array(fc.nat()) }),
    fc.record({ output: fc.array(fc.nat()) }),
    fc.record({ seconds }),
    fc.record({ warmUp: seconds }),
    fc.record({ peak: fc.nat() }),
    fc.record({ failed: fc.string(), missing: fc.string() }),
  );

  it("is a message as it was written", () =>
    fc.assert(
      fc.property(message, (each) => {
        const line = JSON.stringify(each);
        expect(JSON.stringify(parseMessage(line))).toBe(line);
      }),
    ));

  it("is none where it was cut", () =>
    fc.assert(
      fc.property(message, fc.nat(), (each, at) => {
        const line = JSON.stringify(each);
        expect(parseMessage(line.slice(0, at % line.length))).toBeUndefined();
      }),
    ));

  it.each([
    "",
    "3",
    "null",
    "[]",
    "{}",
    "a warning",
    '{"seconds": "1"}',
    '{"seconds": -1}',
    '{"seconds": NaN}',
    '{"seconds": null}',
    '{"layers": [1, "2"]}',
    '{"layers": 3}',
    '{"versions": {"torch": 2}}',
    '{"toString": 1}',
    '{"seconds": 1, "another": 2}',
  ])("is none where it reads %s", (line) => expect(parseMessage(line)).toBeUndefined());
});

describe("a measuring process", () => {
  it("gives its figures, whatever else it prints", async () => {
    expect(await measure(command(`console.log("a banner"); console.error("a warning"); ${complete}`), 60)).toEqual({
      versions: { torch: "2" },
      layers: [3, 2],
      output: [1, 2],
      warmUp: [5, 1],
      seconds: [1, 3],
      peak: 7,
    });
  });

  it.each([
    ["says why", 'say({ failed: "RuntimeError: no C++ compiler" }); process.exit(1)', "RuntimeError: no C++ compiler"],
    [
      "exits",
      'console.error("Traceback\\nMemoryError"); process.exit(3)',
      "its process ended with status 3: MemoryError",
    ],
    ["is killed", 'process.kill(process.pid, "SIGKILL")', "its process ended with SIGKILL"],
    [
      "stops halfway",
      "say({ layers: [1] }); say({ output: [1] }); say({ seconds: 1 })",
      "its process ended with status 0",
    ],
    ["prints rubbish", 'console.log("{{{ \\u0000"); console.log("[1, 2")', "its process ended with status 0"],
    ["hangs", "setInterval(() => {}, 1000)", "no answer within 1 s"],
  ])("that %s fails for a reason", async (_, body, failed) => {
    expect(await measure(command(body), 1)).toEqual({ failed });
  });

  it("that is not there fails for a reason", async () => {
    expect(await measure({ file: "/no/python", args: [], env: {} }, 1)).toEqual({
      failed: "spawn /no/python ENOENT",
    });
  });

  it("is killed with those that it has started when it hangs", async () => {
    const body = `const { spawn } = require("node:child_process");
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
say({ versions: { child: String(child.pid) } });
setInterval(() => {}, 1000);`;
    const versions = await versionsOf({ ...command(body), env: {} }, 1);
    await endOf(Number(versions.child));
  });

  it.each([
    [join(folder, "none"), `spawn ${join(folder, "none")} ENOENT`],
    [folder, `spawn ${folder} EACCES`],
    [join(process.execPath, "python"), "spawn ENOTDIR"],
    ["/bin/cat", "its process ended with status 0"],
  ])("that is no Python is refused with the remedy: %s", (file, reason) =>
    expect(versionsOf({ file, args: [], env: {} }, 60)).rejects.toThrow(
      `peers: --python must name a Python that runs SpikingJelly, got ${file} (${reason}); ${environmentRemedy}`,
    ),
  );

  it("names the package that is missing, and what installs it", async () => {
    const python = command('say({ failed: "No module named torch", missing: "torch" })');
    await expect(versionsOf(python, 60)).rejects.toThrow(
      `peers: ${python.file} must have torch; run ${python.file} -m pip install torch`,
    );
    const other = command('console.error("not Python"); process.exit(2)');
    await expect(versionsOf(other, 60)).rejects.toThrow(
      `peers: --python must name a Python that runs SpikingJelly, got ${other.file} (its process ended with status 2: ` +
        `not Python); ${environmentRemedy}`,
    );
  });
});

const [ours, eager, compiled] = ["ours", EAGER, "compile"].map((name) => ways.find((way) => way.name === name)!) as [
  Way,
  Way,
  Way,
];
const measured = (seconds: number[], peak: number, warmUp = [1]) => {
  return { versions: {}, layers: [2, 1], output: [4, 1], warmUp, seconds, peak };
};

describe("the figures of a work", () => {
  it("are those of all rounds, with the time that the first pass took more", () => {
    const { ways } = figuresOf("a", new Map([[ours, [measured([1, 3], 5, [9, 1]), measured([2, 4], 6, [3, 1])]]]));
    expect(ways).toEqual([{ name: "ours", side: "ours", seconds: [1, 3, 2, 4], compileSeconds: 6.5, peak: 6 }]);
  });

  it("leave out ways that had no turn yet", () => {
    expect(figuresOf("a", new Map([[ours, []]]))).toEqual({ name: "a", ways: [] });
  });

  it("are a reason where a round failed", () => {
    const { ways } = figuresOf("a", new Map([[compiled, [measured([1], 5), { failed: "no compiler" }]]]));
    expect(ways).toEqual([{ name: "compile", side: "peer", failed: "no compiler" }]);
  });
});

describe("the networks of a work", () => {
  it("must have the same layers and the same scores", () => {
    const of = (layers: number[], output = [4, 1]) => [{ ...measured([1], 5), layers, output }];
    const both = (first: Found[], second: Found[]) => new Map([[ours, first] as const, [eager, second] as const]);
    expect(() => checkSameNetwork("a", both(of([1, 2]), of([1, 2])))).not.toThrow();
    expect(() => checkSameNetwork("a", both(of([1, 2]), of([1, 3])))).toThrow(
      "peers: the networks of a must have the same layers, got parameters 1,2; scores [4,1] in ours and 1,3; scores [4,1] in eager",
    );
    expect(() => checkSameNetwork("a", both(of([1, 2]), of([1, 2], [4, 2])))).toThrow(
      "got parameters 1,2; scores [4,1] in ours and 1,2; scores [4,2] in eager",
    );
  });
});

describe("the tables of peers", () => {
  const work: WorkFigures = {
    name: "a net, train step",
    ways: [
      { name: "ours", side: "ours", seconds: [0.2, 0.3, 0.25], compileSeconds: 0.1, peak: 5e8 },
      { name: EAGER, side: "peer", seconds: [1], compileSeconds: 0.4, peak: 3e9 },
      { name: "compile", side: "peer", failed: "a|b" },
      { name: "bf16", side: "peer", seconds: [0.5], compileSeconds: 0, peak: 2e9 },
    ],
  };

  it("hold every way against the peer's best and against eager float32, the fastest first and failures last", () =>
    expect(wayTable(work)).toBe(
      [
        "| way | seconds (range) | ahead of the peer's best | ahead of eager float32 | peak, GB | compiling, s |",
        "| --- | --- | --- | --- | --- | --- |",
        "| ours | 0.250 (0.200-0.300) | 2.00x | 4.00x | 0.50 | 0 |",
        "| bf16 | 0.500 (0.500-0.500) | 1.00x | 2.00x | 2.00 | 0 |",
        "| eager | 1.00 (1.00-1.00) | 0.50x | 1.00x | 3.00 | 0 |",
        "| compile | failed: a\\|b |  |  |  |  |",
        "",
      ].join("\n"),
    ));

  it("are Markdown that opens with a line for each work", () => {
    const text = markdown([work, { name: "b", ways: [] }], "A machine");
    expect(text.split("\n").slice(0, 6)).toEqual([
      "A machine.",
      "",
      "| work | peer, eager float32 | peer, best way | ours, best way | ahead of eager | ahead of the best |",
      "| --- | --- | --- | --- | --- | --- |",
      "| a net, train step | 1.00 s, 3.00 GB | 0.500 s, 2.00 GB (bf16) | 0.250 s, 0.50 GB (ours) | 4.00x | 2.00x |",
      "| b | – | – | – | – | – |",
    ]);
  });
});

describe.skipIf(unavailable("native") !== undefined)("ours in bfloat16", () => {
  it("fails for a reason on an instruction set that has none", () => {
    const ours = fileURLToPath(new URL("../dist/src/peers/ours.js", import.meta.url));
    const env = { ...process.env, SEW_ISA: "baseline" };
    const args = [ours, "7B-Net T=16 N=2 128x128, forward", "ours+bf16", "1"];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    expect(status).toBe(1);
    expect(parseMessage(stdout.trim().split("\n").at(-1)!)).toEqual({
      failed:
        "precision: bf16 must have an instruction set with AVX512-BF16 or AMX, got baseline; leave ours+bf16 out of --ways",
    });
  });
});

describe("pnpm bench peers", () => {
  const filter = ["--filter", "7B-Net T=16 N=2 128x128, forward", "--rounds", "1", "--runs", "1", "--threads", "1"];

  it("names the missing package in one line", () => {
    const python = fakePython("bare", 'say({ failed: "No module named torch", missing: "torch" })');
    const { status, stdout, stderr } = bench("--python", python, ...filter);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(`error: peers: ${python} must have torch; run ${python} -m pip install torch\n`);
  });

  it("writes what failed with its reason, and does not try it again", () => {
    const tries = join(folder, "tries");
    const python = fakePython(
      "failing",
      `say({ versions: { torch: "2.0", spikingjelly: "2.0.0" } });
if (work !== undefined) {
  const { way, threads, input, shape } = JSON.parse(work);
  require("node:fs").appendFileSync(${JSON.stringify(tries)}, way + " ");
  const bytes = require("node:fs").statSync(input).size;
  say({ failed: [way, threads, process.env.OMP_NUM_THREADS, bytes / 4, shape].join("; ") });
}`,
    );
    const args = ["--python", python, "--ways", "eager,compile", ...filter, "--rounds", "2", "--json", "peers.json"];
    const { status, stdout, stderr } = bench(...args);
    expect(status, stderr).toBe(1);
    expect(stderr).toContain("error: peers: all ways failed; the tables have the reasons\n");
    expect(stderr).toContain("1 of 4: 7B-Net T=16 N=2 128x128, forward, eager, round 1 of 2\n");
    expect(stderr).toMatch(/4 of 4: .*, compile, round 2 of 2, about \d+ min left\n/);
    expect(readFileSync(tries, "utf8")).toBe("eager compile ");
    const { machine, rounds, works } = JSON.parse(readFileSync(join(folder, "peers.json"), "utf8"));
    expect(machine).toMatchObject({ threads: 1, torch: "2.0", spikingjelly: "2.0.0", node: process.version });
    expect(rounds).toBe(2);
    const size = 16 * 2 * 128 * 128 * 2;
    expect(works).toEqual([
      {
        name: "7B-Net T=16 N=2 128x128, forward",
        ways: [
          { name: "eager", side: "peer", failed: `eager; 1; 1; ${size}; 16,2,128,128,2` },
          { name: "compile", side: "peer", failed: `compile; 1; 1; ${size}; 16,2,128,128,2` },
        ],
      },
    ]);
    expect(readFileSync(join(folder, "peers.md"), "utf8")).toContain("| compile | failed: compile; 1; 1; ");
    expect(stdout).toContain("every figure: peers.json, tables: peers.md\n");
  });

  it("leaves no process and no file behind when it is interrupted, and says where the figures so far are", async () => {
    const file = join(folder, "pid");
    const body = `if (work === undefined) say({ versions: {} });
else if (JSON.parse(work).way === "eager") say({ failed: "soon" });
else {
  require("node:fs").writeFileSync(${JSON.stringify(file)}, process.pid + " " + JSON.parse(work).input);
  setInterval(() => {}, 1000);
}`;
    const python = fakePython("hanging", body);
    const args = ["--python", python, "--ways", "eager,compile", ...filter, "--json", "early.json"];
    const child = spawn(process.execPath, [main, "peers", ...args], { cwd: folder });
    const errors = text(child.stderr);
    while (!existsSync(file) || readFileSync(file, "utf8") === "") await sleep(20);
    const [pid, input] = readFileSync(file, "utf8").split(" ") as [string, string];
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(await errors).toMatch(/\nfigures so far: early.json, tables: early.md\n$/);
    expect(JSON.parse(readFileSync(join(folder, "early.json"), "utf8")).works[0].ways).toHaveLength(1);
    await endOf(Number(pid));
    expect(existsSync(input)).toBe(false);
  });
});

// The interpreter of an environment with torch and spikingjelly 2.0.0.
const { SEW_PYTHON } = process.env;
if (SEW_PYTHON === undefined)
  console.log("SEW_PYTHON names no Python with SpikingJelly: its networks are not compared");

describe.skipIf(SEW_PYTHON === undefined)("SpikingJelly", () => {
  beforeAll(() => useBackend("native"));

  const theirs = fileURLToPath(new URL("../peers/measure.py", import.meta.url));

  it.each([
    ["7B-Net", 128, () => sevenBNet({ classes: 11, height: 128, width: 128 })],
    ["SEW-ResNet-18", 64, () => resNet(18, { classes: 11 })],
    ["SEW-ResNet-50", 64, () => resNet(50, { classes: 11 })],
  ])("computes the same scores and the same update as our %s", async (network, size, build) => {
    const net = build();
    const shape = [2, 2, size, size, network === "7B-Net" ? 2 : 3];
    const { uniform } = random(3);
    const x = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => uniform(-1, 2));
    const parameters = [...namedParameters(net).values()];
    const read = () => parameters.map((p) => p.dataSync() as Float32Array);
    const before = read();
    const [input, weights] = [join(folder, "x.f32"), join(folder, "weights.f32")];
    writeFileSync(input, x);
    const torch = before.map((values, i) => toTorch({ shape: parameters[i]!.shape, values }).values as Float32Array);
    writeFileSync(weights, Buffer.concat(torch.map((values) => Buffer.from(Float32Array.from(values).buffer))));
    const work = {
      network,
      shape,
      classes: 11,
      pass: "train",
      way: "eager",
      threads: 1,
      warmUp: 0,
      runs: 0,
      input,
      weights,
    };
    const { stdout, stderr } = spawnSync(SEW_PYTHON!, [theirs, JSON.stringify(work)], { encoding: "utf8" });
    const line = stdout.split("\n").find((each) => each.includes("scores"));
    expect(line, stderr).toBeDefined();
    const { scores, moved } = JSON.parse(line!) as Record<"scores" | "moved", number[]>;

    const logits = tidy(() => run(net, tensor(x, shape), { training: true, seed: 0 }).dataSync());
    expect(logits.length).toBe(scores.length);
    for (const [i, score] of scores.entries()) expect(logits[i]).toBeCloseTo(score, 4);
    const labels = Int32Array.of(0, 1);
    await trainStep(net, optimizer(net, momentum()), { x, shape, labels }, { learningRate: 0.001, seed: 0 });
    expect(moved.length).toBe(parameters.length);
    for (const [i, after] of read().entries()) {
      const distance = Math.sqrt(after.reduce((sum, w, j) => sum + (w - before[i]![j]!) ** 2, 0));
      expect(Math.abs(distance / moved[i]! - 1), [...namedParameters(net).keys()][i]).toBeLessThan(1e-2);
    }
    disposeModule(net);
  });
});

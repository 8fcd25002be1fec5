import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkIndices, type DataCheck, type EventDataset, fingerprint, type Source } from "@sew/datasets";
import { defineExperiment, runExperiment } from "@sew/experiment";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { tiny } from "./tinyExperiment.mjs";

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "sew-experiment-"));
beforeAll(() => {
  process.chdir(folder);
  mkdirSync("pictures");
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => rmSync("runs", { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Pictures of 2 x 2 pixels, each of one value; those below 0 are damaged. */
function pictures(name: string, values: readonly number[]): Source {
  return {
    name,
    classes: ["dark", "light"],
    count: values.length,
    shape: [1, 2, 2, 1],
    labels: values.map((_, i) => i % 2),
    names: values.map((_, i) => `${i}`),
    fingerprint: fingerprint({ name, values }),
    files: { count: 1, bytes: 4 * values.length },
    read(indices) {
      checkIndices(name, values.length, indices);
      return Float32Array.from({ length: 4 * indices.length }, (_, k) => {
        const value = values[indices[Math.floor(k / 4)]!]!;
        if (value < 0) throw new Error(`pictures: ${name}.bin must be sound, got ${value}`);
        return value;
      });
    },
  };
}

/** A photograph of each of many classes, of the size of ImageNet's; noise, which no PNG compresses. */
function photographs(classes: number): Source {
  const size = 224 * 224 * 3;
  const noise = Float32Array.from({ length: size + classes }, (_, i) => {
    const hash = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d);
    return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
  });
  return {
    name: "photographs",
    classes: Array.from({ length: classes }, (_, i) => `n${i}`),
    count: classes,
    shape: [1, 224, 224, 3],
    labels: Array.from({ length: classes }, (_, i) => i),
    names: Array.from({ length: classes }, (_, i) => `${i}`),
    fingerprint: fingerprint({ classes }),
    read: (indices) => noise.slice(indices[0]!, indices[0]! + size),
  };
}

const recordings: EventDataset = {
  name: "dots",
  classes: ["dot"],
  height: 2,
  width: 2,
  samples: async (split) => [{ name: `only\u001b${split}`, label: 0, files: [] }],
  async events({ name }) {
    const t = Float64Array.of(0, name.length * 1000);
    return { t, x: Uint16Array.of(0, 1), y: Uint16Array.of(1, 1), p: Uint8Array.of(1, 0) };
  },
};

const never = () => {
  throw new Error("must not be opened");
};

const experiment = defineExperiment({
  name: "shades",
  description: "Tells light from dark.",
  datasets: {
    sound: {
      title: "Sound pictures",
      open: () => ({ train: pictures("train", [0, 1]), test: pictures("test", [2, 3]) }),
    },
    damaged: {
      title: "Damaged pictures",
      open: never,
      checked: ({ data }) => ({
        train:
          data === "pictures"
            ? pictures("train", [0, 1, ...Array(7).fill(-1), ...Array.from({ length: 60 }, (_, i) => -2 - i)])
            : never(),
        test: Promise.reject(new Error("no test")),
      }),
    },
    none: { title: "No pictures", open: never },
    dots: { title: "Dots", recordings: () => recordings },
    many: { title: "Many classes", open: never, checked: () => ({ train: photographs(120) }) },
  },
  model: () => "FC2",
  compares: "seeds",
  comparisons: { seeds: { title: "Seeds", runs: [{ name: "only", options: [] }] } },
});

/** Checks, and returns the exit code with what was printed. */
async function check(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: "", err: "" };
  for (const [stream, key] of [
    ["stdout", "out"],
    ["stderr", "err"],
  ] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
      printed[key] += chunk;
      return true;
    });
  }
  const code = await runExperiment(experiment, ["--check-data", "pictures", ...argv]);
  return { code, ...printed };
}

describe("--check-data", () => {
  it("prints what is there, draws it into a report, and trains nothing", async () => {
    const { code, out } = await check();
    const prints = [pictures("train", [0, 1]), pictures("test", [2, 3])].map((source) => source.fingerprint);
    expect([code, out]).toEqual([
      0,
      `Sound pictures in pictures

split  samples  damaged  files    size          shape
train        2        0      1  0.0 kB  1 x 2 x 2 x 1
test         2        0      1  0.0 kB  1 x 2 x 2 x 1

class  train  test
dark       1     1
light      1     1

SHA-256 of train: ${prints[0]}
SHA-256 of test: ${prints[1]}

all is well
report: ${join("runs", "shades", "check-sound", "data.html")}
`,
    ]);
    expect(readdirSync("runs/shades")).toEqual(["check-sound"]);
    const page = readFileSync("runs/shades/check-sound/data.html", "utf8");
    expect(page).toContain("<h1>Sound pictures, checked</h1>");
    expect(page).toContain("<h2>A sample of each class</h2>");
    expect(page.match(/<img /g)).toHaveLength(2);
    expect(page).not.toContain("<h2>Problems</h2>");
  });

  it("ends with 1 where something is wrong, shows 50 problems and writes all", async () => {
    const { code, out, err } = await check("--dataset", "damaged", "--out", "here", "--json", "found.json");
    expect(code).toBe(1);
    expect(err).toBe("checking train: 69/69\n");
    const shown = Array.from({ length: 48 }, (_, i) => {
      const className = i % 2 === 1 ? "dark" : "light";
      return `- train/${9 + i} (${className}): pictures: train.bin must be sound, got ${-2 - i}\n`;
    });
    expect(out).toContain(`Problems:
- no test
- train/2 (dark), train/3 (light), train/4 (dark), train/5 (light), train/6 (dark) and 2 more: pictures: train.bin must be sound, got -1
${shown.join("")}- and 12 more, which --json writes

62 problems
report: here/data.html
`);
    const found = JSON.parse(readFileSync("found.json", "utf8")) as DataCheck;
    expect(found.problems.map(({ samples }) => samples.length)).toEqual([0, 7, ...Array(60).fill(1)]);
    expect(found).not.toHaveProperty("examples");
    const page = readFileSync("here/data.html", "utf8");
    expect(page).toContain("<p>train/9 (light): pictures: train.bin must be sound, got -2</p>");
    expect(page).toContain("<p>and 12 more, which --json writes</p>");
  });

  it("finds a problem where the data cannot be opened", async () => {
    const { code, out } = await check("--dataset", "none");
    expect([code, out]).toEqual([
      1,
      `No pictures in pictures

Problems:
- must not be opened

1 problem
report: ${join("runs", "shades", "check-none", "data.html")}
`,
    ]);
  });

  it("reads recordings before they are cut into frames, and prints names without their control characters", async () => {
    writeFileSync("pictures/Caltech101.zip", "");
    const { code, out } = await check("--dataset", "dots");
    rmSync("pictures/Caltech101.zip");
    expect(code).toBe(1);
    expect(out).toContain(`per sample    split  least  5 %  median  95 %  greatest
events        train      2    2       2     2         2
milliseconds  train     10   10      10    10        10
`);
    expect(out).toContain("Caltech101.zip must have the published MD5 66201824eabb0239c7ab992480b50ba3, got d41d8cd9");
  });

  it("says why there is no picture of values that none can show", async () => {
    const negative = {
      ...tiny.datasets.stripes!,
      needsData: true,
      checked: () => ({
        train: {
          name: "negative",
          classes: ["only", "other"],
          count: 2,
          shape: [1, 2, 2, 2],
          labels: [0, 1],
          names: ["a", "b"],
          fingerprint: "x",
          read: (indices: ArrayLike<number>) =>
            Float32Array.from({ length: 8 * indices.length }, (__, i) => -i - indices[0]!),
        },
      }),
    };
    const out = mkdtempSync(join(tmpdir(), "sew-check-"));
    const write = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
    const experiment = { ...tiny, datasets: { negative } };
    const code = await runExperiment(experiment as never, ["--check-data", out, "--out", out]);
    write.mockRestore();
    expect([code, readFileSync(join(out, "data.html"), "utf8")]).toEqual([0, expect.stringContaining("No picture: ")]);
    rmSync(out, { recursive: true });
  });

  it("draws small pictures of some classes where there are many", async () => {
    expect((await check("--dataset", "many", "--out", "many")).code).toBe(0);
    const page = readFileSync("many/data.html", "utf8");
    expect(page).toContain("<h2>A sample of 104 of 120 classes</h2>");
    expect(page.match(/<img /g)).toHaveLength(104);
    expect(page).toContain("1 picture of 224 x 224 pixels");
    expect(page.length).toBeLessThan(6e6);
  });

  it("refuses a folder that is none", async () => {
    const { code, err } = await check("--check-data", "nowhere");
    expect([code, err]).toEqual([
      1,
      'error: --check-data: dir must be a folder, got "nowhere", which does not exist; name the folder of Sound pictures\n',
    ]);
  });
});

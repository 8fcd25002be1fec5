// Rows and columns of 6 x 6 pixels: an experiment that trains within a second.
import { html, section } from "@sew/analysis";
import { checkIndices, fingerprint } from "@sew/datasets";
import { choice, defineExperiment, flag, integer, runExperiment } from "@sew/experiment";
import { flatten, learnable, linear, neurons, sequential } from "@sew/layers";
import { lif } from "@sew/neurons";
import { random } from "@sew/random";

/** Sends SIGINT to the process at this read of training samples; see SEW_TEST_INTERRUPT. */
const interruptAt = Number(process.env.SEW_TEST_INTERRUPT ?? Number.NaN);
let reads = 0;

function stripes(name, count, seed) {
  return {
    name,
    classes: ["row", "column"],
    count,
    shape: [3, 6, 6, 2],
    labels: Array.from({ length: count }, (_, i) => i % 2),
    names: Array.from({ length: count }, (_, i) => `${name}/${i}`),
    fingerprint: fingerprint({ name, count, seed }),
    read(indices) {
      checkIndices(name, count, indices);
      if (name === "train" && ++reads === interruptAt) process.kill(process.pid, "SIGINT");
      const values = new Float32Array(216 * indices.length);
      Array.from(indices).forEach((i, n) => {
        const at = random(seed, i).int(6);
        for (let t = 0; t < 3; t++) {
          for (let k = 0; k < 6; k++) {
            const [row, column] = i % 2 === 0 ? [at, k] : [k, at];
            values[216 * n + 72 * t + 12 * row + 2 * column] = 1;
          }
        }
      });
      return values;
    },
  };
}

/** Recordings of a dot that moves along a row or a column. */
const dots = {
  name: "dots",
  classes: ["row", "column"],
  height: 6,
  width: 6,
  samples: async (split) =>
    Array.from({ length: split === "train" ? 8 : 4 }, (_, i) => ({ name: `${i}`, label: i % 2, files: [] })),
  async events({ name, label }) {
    if (process.env.SEW_TEST_WRONG === name) {
      throw new RangeError(
        'wrong; pass truncated: "keep", or pass loud: "very"; change the proportions, or set stratified: false',
      );
    }
    const along = Uint16Array.from({ length: 24 }, (_, i) => i % 6);
    const across = new Uint16Array(24).fill(Number(name) % 6);
    const [x, y] = label === 0 ? [along, across] : [across, along];
    return { t: Float64Array.from(along, (_, i) => i), x, y, p: new Uint8Array(24) };
  },
};

export const tiny = defineExperiment({
  name: "tiny",
  description: "Rows and columns.",
  options: {
    width: integer("channels", { least: 1, default: 4 }),
    head: choice("what the network ends with", ["notation", "module"], "notation"),
    loudLabels: flag("say the labels", { standsFor: 'loud: "very"' }),
    lone: flag("no shortcut at all", { fixes: { block: "plain", surrogate: undefined } }),
  },
  datasets: {
    stripes: {
      title: "Stripes",
      uses: ["loudLabels"],
      notes: ["Stripes are drawn."],
      recipeName: "short",
      recipe: ({ block }) => ({
        epochs: 2,
        batch: 4,
        learningRate: block === "plain" ? 0.01 : 0.02,
        schedule: "cosine",
      }),
      presets: { wide: ({ block }) => ({ width: 9, epochs: block === "plain" ? 4 : 3 }) },
      open: () => ({ train: stripes("train", 16, 1), test: stripes("test", 8, 2) }),
    },
    untested: {
      title: "Stripes without a test",
      recipe: () => ({ epochs: 1, batch: 4, width: 2 }),
      open: () => ({ train: stripes("train", 16, 1) }),
    },
    pictures: {
      title: "Stripes of one frame",
      open: () => ({ train: { ...stripes("train", 4, 1), shape: [1, 6, 6, 6] } }),
    },
    fetched: {
      title: "Stripes in a folder",
      needsData: true,
      open: () => ({}),
    },
    dots: {
      title: "Dots",
      uses: ["truncated"],
      recipe: () => ({ epochs: 1, batch: 4, frames: 12, trainFrames: 9 }),
      recordings: () => dots,
    },
  },
  modelUses: ["width", "head"],
  model: ({ width, head, seed }, { classes }) =>
    head === "notation"
      ? `c${width}k3s1-BN-PLIF-SEW Block(c${width})-FC${classes.length}`
      : {
          model: sequential({ flatten: flatten(), classifier: linear(72, 2, { random: random(seed) }) }),
          notation: "one linear layer",
        },
  neurons: { "Own LIF": (spike) => neurons(lif, { vThreshold: learnable(0.5, "channel") }, spike) },
  comparisons: {
    failing: {
      title: "Stripes that are there and not",
      runs: [
        { name: "not there", options: ["--dataset", "fetched", "--data", "nowhere"] },
        { name: "there", options: ["--dataset", "stripes", "--epochs", "1"] },
      ],
    },
    kept: {
      title: "Frames that are kept",
      runs: [
        { name: "some", options: [] },
        { name: "all", options: ["--train-frames", "all"] },
        { name: "loud", options: ["--loud-labels"] },
        { name: "ANN", options: ["--block", "ann"] },
      ],
      claims: () => [{ text: "all are asked of all", holds: false }],
    },
    rates: {
      title: "Stripes by learning rate",
      runs: [
        { name: "too high", options: ["--learning-rate", "1e30"], mayDiverge: true },
        { name: "fine", options: ["--learning-rate", "0.01"] },
        { name: "unexpected", options: ["--learning-rate", "1e31"] },
      ],
    },
    blocks: {
      title: "Stripes by block",
      threads: 1,
      runs: ["sew-add", "plain"].map((block) => ({ name: block, options: ["--block", block, "--width", "2"] })),
      claims: (results) => [
        { text: "every run has two epochs", holds: results.every(({ runs }) => runs[0].history.length === 2) },
        { text: "the sky is green", holds: process.env.SEW_TEST_SKY === "green" },
      ],
    },
  },
  sections: ({ settings, history }) => [
    section("Width", html`<p>${settings.width} channels, ${history.length} epochs</p>`),
  ],
});

if (process.argv[1] === import.meta.filename) process.exitCode = await runExperiment(tiny);

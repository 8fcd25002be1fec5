import { useBackend } from "@sew/backends";
import { memory, tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { syntheticImages } from "../src/images.js";
import { type Measurement, measure } from "../src/measure.js";
import { type ComparedFamily, type Figure, type Network, nameOf, networksOf, settingOf } from "../src/networks.js";
import { predictedGradients } from "../src/predicted.js";
import { regionsOf, statementsOf } from "../src/statements.js";
import { tinyNet } from "./tinyNet.js";

/** All 24 networks, small. */
const measured: Measurement[] = [];

beforeAll(async () => {
  await useBackend("native");
  const images = tensor(syntheticImages(2, 32).values, [1, 2, 32, 32, 3]);
  for (const network of networksOf([6, 7, 8])) {
    measured.push(await measure(network, () => tinyNet(network, 14), images, [0, 1]));
  }
  images.dispose();
});

const textsOf = (measurements: readonly Measurement[], holding: boolean): string[] =>
  statementsOf(measurements)
    .filter(({ holds }) => holds === holding)
    .map(({ source, text }) => `${source}: ${text}`);

/** The measurements, those of a family with the label of another in the place of its own. */
function labelled(family: ComparedFamily, as: ComparedFamily, zeroInit?: boolean): Measurement[] {
  const isIn = (each: Measurement): boolean => zeroInit === undefined || each.zeroInit === zeroInit;
  return measured
    .filter((each) => each.family !== as || !isIn(each))
    .flatMap((each) => (each.family === family && isIn(each) ? [each, { ...each, family: as }] : [each]));
}

const isSame = (a: Network, b: Network): boolean =>
  a.figure === b.figure && a.family === b.family && a.zeroInit === b.zeroInit;
const named = (figure: Figure): string =>
  `Table 1: ${settingOf(figure)}: Oˡ is g(Aˡ, Sˡ) of its family, and Sˡ in identity blocks at zero-init alone`;
const flat = (figure: Figure): string =>
  `Fig. ${figure}: ${settingOf(figure)}: at zero-init the gradient is the same in each identity region, for every g`;
const flats = [flat(6), flat(7), flat(8)];
const alike = "Fig. 5: at zero-init Oˡ fires alike in all four networks";
const ofSpiking = [
  "Fig. 6: V_th = 1, α = 2: at zero-init that of Spiking decays, then levels",
  "Fig. 7: V_th = 0.5, α = 2: at zero-init that of Spiking decays faster",
  "Fig. 8: V_th = 1, α = 3: at zero-init that of Spiking explodes",
];

describe("the statements of the paper", () => {
  it("on zero-init hold of small networks, too", () =>
    expect(textsOf(measured, true)).toEqual(expect.arrayContaining([alike, ...flats, ...ofSpiking])));

  it("name what was measured, and the limit", () => {
    const [found] = statementsOf(measured).filter(({ source, text }) => `${source}: ${text}` === flat(6));
    expect(found!.measured).toBe("max/min at most 1.0000 of SEW ADD, 1.0000 of SEW AND, 1.0000 of SEW IAND (1.02)");
  });

  it.each(["SEW ADD", "SEW AND", "SEW IAND"] as const)("fail where Spiking is given as %s", (family) =>
    expect(textsOf(labelled("Spiking", family), false)).toEqual(expect.arrayContaining(flats)),
  );

  it.each(["SEW ADD", "SEW AND", "SEW IAND"] as const)("fail where %s is given as Spiking", (family) =>
    expect(textsOf(labelled(family, "Spiking"), false)).toEqual(expect.arrayContaining(ofSpiking)),
  );

  it.each([
    ["SEW ADD", "SEW AND", "without zero-init SEW AND goes silent"],
    ["SEW IAND", "SEW ADD", "without zero-init Oˡ of SEW ADD increases linearly in identity regions"],
    ["SEW AND", "SEW ADD", "without zero-init the last neurons of SEW ADD keep a stable firing rate"],
    [
      "SEW AND",
      "SEW IAND",
      "without zero-init SEW IAND relieves that silence: its Oˡ decays in identity regions, but slower, and never to 0",
    ],
    [
      "SEW ADD",
      "SEW IAND",
      "without zero-init SEW IAND relieves that silence: its Oˡ decays in identity regions, but slower, and never to 0",
    ],
  ] as const)("fail where %s without zero-init is given as %s", (family, as, text) => {
    expect(textsOf(measured, true)).toContain(`Fig. 5: ${text}`);
    expect(textsOf(labelled(family, as, false), false)).toContain(`Fig. 5: ${text}`);
  });

  it.each([6, 7, 8] as const)("fail where any of the networks of Fig. %d has the label of any other", (figure) => {
    const networks = networksOf([figure]);
    const held = textsOf(measured, true);
    const passing: string[] = [];
    for (const network of networks) {
      const from = measured.find((each) => isSame(each, network))!;
      for (const label of networks) {
        if (label === network) continue;
        const mislabelled = measured.map((each) => (isSame(each, label) ? { ...from, ...label } : each));
        const failing = textsOf(mislabelled, false).filter((text) => held.includes(text));
        if (failing.length === 0) passing.push(`${nameOf(network)} as ${nameOf(label)}`);
      }
    }
    // At zero-init Aˡ is 0 in both, whose A + S and (1 - A) · S are then the same network.
    const add = nameOf({ figure, family: "SEW ADD", zeroInit: true });
    const iand = nameOf({ figure, family: "SEW IAND", zeroInit: true });
    expect(passing).toEqual([`${add} as ${iand}`, `${iand} as ${add}`]);
  });

  it("fail where networks without zero-init are given as those with it", () => {
    const swapped = measured.map((each) => ({ ...each, zeroInit: !each.zeroInit }));
    expect(textsOf(swapped, false)).toEqual(expect.arrayContaining([alike, ...flats]));
  });

  it.each([Number.NaN, 0])("fail where a gradient is %d", (gradient) => {
    const broken = measured.map((each) =>
      each.family === "SEW ADD" && each.zeroInit
        ? { ...each, blocks: each.blocks.map((block, l) => (l === 3 ? { ...block, gradient } : block)) }
        : each,
    );
    expect(textsOf(broken, false)).toEqual(expect.arrayContaining(flats));
  });

  it("are those of the figures that were measured", () => {
    const of7 = statementsOf(measured.filter(({ figure }) => figure === 7));
    expect(of7.map(({ source, text }) => `${source}: ${text}`)).toEqual([named(7), flat(7), ofSpiking[1]]);
    expect(of7[2]!.measured).toMatch(/ a block \(below 0\.900\)$/);
    expect(statementsOf([])).toEqual([]);
  });
});

describe("the prediction of appendix A.4", () => {
  it("is the slopes of all blocks up to the end of a region, and below what is measured with more than one time-step", () => {
    const spiking = measured.find(({ figure, family, zeroInit }) => figure === 6 && family === "Spiking" && zeroInit)!;
    const predicted = predictedGradients(spiking);
    const { blocks } = spiking;
    expect([predicted[0], predicted[15]]).toEqual([undefined, undefined]);
    // Of the last block of the first region: a slope of 1 where S fires, and of 1 / (1 + π²) where it does not.
    const rate = blocks[13]!.output;
    const factor = Math.sqrt(rate + (1 - rate) / (1 + Math.PI ** 2) ** 2);
    expect(predicted[14]! / (blocks[15]!.gradient * factor)).toBeCloseTo(1, 5);
    // Of the first, after 14 blocks, only what fires is left.
    expect(predicted[1]! / (blocks[15]!.gradient * Math.sqrt(blocks[0]!.output))).toBeCloseTo(1, 5);
    for (const l of [1, 7, 14, 16, 22, 29]) expect(predicted[l]).toBeLessThan(blocks[l]!.gradient);
  });
});

describe("a measurement", () => {
  it("has the rates of both outputs and the gradient of every block, which the shortcut tells apart", () => {
    const { blocks } = measured.find(({ family, zeroInit }) => family === "SEW ADD" && !zeroInit)!;
    expect(blocks.map(({ downsample }) => downsample)).toEqual(
      Array.from({ length: 30 }, (_, l) => l === 0 || l === 15),
    );
    expect(regionsOf(blocks)).toEqual([
      { first: 1, last: 14 },
      { first: 16, last: 29 },
    ]);
    // Of identity blocks that add, O is A + S.
    for (const { first, last } of regionsOf(blocks)) {
      for (let l = first; l <= last; l++) {
        expect(blocks[l]!.output).toBeCloseTo(blocks[l]!.residual! + blocks[l - 1]!.output, 5);
      }
    }
    expect(measured.find(({ family }) => family === "Spiking")!.blocks[0]).not.toHaveProperty("residual");
  });

  it("leaves no tensors behind", async () => {
    const images = tensor(syntheticImages(1, 32).values, [1, 1, 32, 32, 3]);
    const before = memory().numTensors;
    const [network] = networksOf([6]);
    await measure(network!, () => tinyNet(network!, 1), images, [0]);
    expect(memory().numTensors).toBe(before);
    images.dispose();
  });
});

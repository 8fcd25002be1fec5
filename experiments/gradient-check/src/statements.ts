/** @file What the paper says of Figs. 5 to 8, checked on what was measured. */
import type { BlockMeasurement, Measurement } from "./measure.js";
import { type ComparedFamily, type Figure, type Network, settingOf } from "./networks.js";

/** A statement of the paper, and whether the measurements bear it out. */
export interface Statement {
  /** Where the paper makes it, such as `Fig. 6`. */
  readonly source: string;
  readonly text: string;
  /** What was measured, and the limit that decides. */
  readonly measured: string;
  readonly holds: boolean;
}

/**
 * A region of the network in which, at zero-init, Sˡ is the same for all l: the consecutive identity blocks between two
 * downsample blocks. Indices of its first and last block.
 */
export interface Region {
  readonly first: number;
  readonly last: number;
}

/** The regions of a network, from the input on. */
export function regionsOf(blocks: readonly Pick<BlockMeasurement, "downsample">[]): Region[] {
  const regions: Region[] = [];
  for (const [l, { downsample }] of blocks.entries()) {
    if (downsample) continue;
    const open = regions.at(-1);
    if (open?.last === l - 1) regions.splice(-1, 1, { first: open.first, last: l });
    else regions.push({ first: l, last: l });
  }
  return regions;
}

/** ‖∂L/∂Sˡ‖ of a region's blocks and, last, of what comes out of it. */
export function gradientsIn({ blocks, lastGradient }: Measurement, { first, last }: Region): number[] {
  return [...blocks.map(({ gradient }) => gradient), lastGradient].slice(first, last + 2);
}

/** Oˡ of what goes into a region, where a block makes it, and of its blocks. */
function outputsIn({ blocks }: Measurement, { first, last }: Region): number[] {
  return blocks.slice(Math.max(0, first - 1), last + 1).map(({ output }) => output);
}

/** Rates of the identity blocks whose input a block makes: Aˡ, Sˡ and Oˡ. */
function joinsOf({
  blocks,
}: Measurement): { readonly a: number | undefined; readonly s: number; readonly o: number }[] {
  return blocks.flatMap(({ downsample, residual, output }, l) =>
    downsample || l === 0 ? [] : [{ a: residual, s: blocks[l - 1]!.output, o: output }],
  );
}

/** The rate of g(A, S), as if A and S fired independently of each other. */
const joins = {
  "SEW ADD": (a: number, s: number): number => a + s,
  "SEW AND": (a: number, s: number): number => a * s,
  "SEW IAND": (a: number, s: number): number => (1 - a) * s,
} as const;

/** Whether a network's rates are those of what its label says: of no other g, and identities at zero-init and only there. */
function isOfItsFamily(network: Measurement): boolean {
  const { family, zeroInit } = network;
  const all = joinsOf(network);
  if (all.every(({ s, o }) => o === s) !== zeroInit) return false;
  if (family === "Spiking") return all.every(({ a }) => a === undefined);
  const apart = (join: (a: number, s: number) => number): number =>
    all.reduce((sum, { a = Number.NaN, s, o }) => sum + Math.abs(o - join(a, s)), 0);
  return apart(joins[family]) <= Math.min(...Object.values(joins).map(apart));
}

const labelOf = ({ family, zeroInit }: Network): string => `${family}, ${zeroInit ? "zero-init" : "without zero-init"}`;

/** The limits that decide; a reader may find others right, so that each is printed beside what was measured. */
const limits = {
  /** max/min of gradients that are the same. */
  flat: 1.02,
  /** Deep to shallow, in all: above it nothing has decayed. */
  decayed: 0.9,
  /** Mean factor of a block, deep to shallow, from which on a gradient explodes. */
  explodes: 1.3,
  /** Mean factor of a block up to which a gradient increases slowly. */
  slow: 1.15,
  /** The part of a rate that is left where it has decayed a little. */
  little: 0.8,
  /** The part of what there was that is as good as nothing. */
  vanished: 0.001,
  /** R² of the straight line through points that lie on one. */
  linear: 0.99,
  /** max/min of rates that are stable. */
  stable: 1.5,
} as const;

const e = (value: number): string => (value === 0 ? "0" : value.toExponential(2));
const f = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : String(value));

/** Greatest by least; infinite where the least is 0, and no number where one is not. */
function spreadOf(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

/** The geometric mean of the factors between neighbours, last to first. */
function factorOf(values: readonly number[]): number {
  return (values[0]! / values.at(-1)!) ** (1 / (values.length - 1));
}

/** R² and slope of the straight line through values at equal distances. */
function lineThrough(values: readonly number[]): { readonly r2: number; readonly slope: number } {
  const n = values.length;
  const [meanX, meanY] = [(n - 1) / 2, values.reduce((sum, value) => sum + value, 0) / n];
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of values.entries()) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  return { r2: xy ** 2 / (xx * yy), slope: xy / xx };
}

const blocksOf = ({ first, last }: Region): string =>
  first === last ? `block ${first + 1}` : `blocks ${first + 1} to ${last + 1}`;

/**
 * The statements that some measurements can show, in the order of the paper. Those on one region are on the longest.
 *
 * @param measurements of networks of one depth. Statements on networks that are not among them are left out
 */
export function statementsOf(measurements: readonly Measurement[]): Statement[] {
  const regions = regionsOf(measurements[0]?.blocks ?? []);
  if (regions.length === 0) return [];
  const length = ({ first, last }: Region): number => last - first + 1;
  const longest = regions.reduce((a, b) => (length(b) > length(a) ? b : a));
  const find = (figure: Figure, family: ComparedFamily, zeroInit: boolean): Measurement | undefined =>
    measurements.find((each) => isOf(each, { figure, family, zeroInit }));
  const statements: Statement[] = [];
  const state = (
    source: string,
    network: Measurement | undefined,
    text: string,
    check: (network: Measurement) => Omit<Statement, "source" | "text"> | undefined,
  ): void => {
    const checked = network && check(network);
    if (checked) statements.push({ source, text, ...checked });
  };
  const where = blocksOf(longest);

  state("Fig. 5", find(6, "Spiking", true), "at zero-init Oˡ fires alike in all four networks", (spiking) => {
    const others = sew.map((family) => find(6, family, true));
    const differences = others.flatMap((other) =>
      (other?.blocks ?? []).map(({ output }, l) => Math.abs(output - spiking.blocks[l]!.output)),
    );
    const most = Math.max(...differences);
    return { measured: `they differ by at most ${e(most)} (0)`, holds: others.every(Boolean) && most === 0 };
  });
  state("Fig. 5", find(6, "SEW AND", false), "without zero-init SEW AND goes silent", ({ blocks }) => {
    const [first, last] = [blocks[0]!.output, blocks.at(-1)!.output];
    const part = last / first;
    const silent = blocks.findIndex(({ output }) => output === 0);
    const since = silent < 0 ? "never 0" : `0 from block ${silent + 1} on`;
    return {
      measured: `Oˡ from ${f(first)} to ${e(last)} of the last block, ${since} (a part of at most ${limits.vanished})`,
      holds: part <= limits.vanished,
    };
  });
  const add = find(6, "SEW ADD", false);
  state("Fig. 5", add, "without zero-init Oˡ of SEW ADD increases linearly in identity regions", (network) => {
    const lines = regions
      .map((region) => outputsIn(network, region))
      .filter((values) => values.length > 2)
      .map(lineThrough);
    if (lines.length === 0) return undefined;
    const least = Math.min(...lines.map(({ r2 }) => r2));
    return {
      measured: `R² of a straight line at least ${least.toFixed(4)} (${limits.linear}), slopes ${lines.map(({ slope }) => f(slope)).join(", ")}`,
      holds: least >= limits.linear && lines.every(({ slope }) => slope > 0),
    };
  });
  state("Fig. 5", add, "without zero-init the last neurons of SEW ADD keep a stable firing rate", ({ blocks }) => {
    const rates = blocks.map(({ residual }) => residual ?? Number.NaN);
    const [least, most] = [Math.min(...rates), Math.max(...rates)];
    return {
      measured: `Aˡ from ${f(least)} to ${f(most)} (max/min at most ${limits.stable})`,
      holds: most / least <= limits.stable,
    };
  });
  const iand = find(6, "SEW IAND", false);
  state(
    "Fig. 5",
    iand,
    "without zero-init SEW IAND relieves that silence: its Oˡ decays in identity regions, but slower, and never to 0",
    (network) => {
      const and = find(6, "SEW AND", false);
      if (and === undefined) return undefined;
      const outputs = outputsIn(network, longest);
      const [factor, than] = [factorOf(outputs), factorOf(outputsIn(and, longest))];
      const joined = joinsOf(network);
      const falling = joined.filter(({ s, o }) => o < s).length;
      // SEW AND that is silent all over has no factor.
      const slower = !(factor >= than);
      return {
        measured:
          `it falls in ${falling} of ${joined.length} identity blocks (all), in ${where} from ${f(outputs[0]!)} to ` +
          `${e(outputs.at(-1)!)}, by ${f(factor)} a block (below that of SEW AND, ${than === Infinity ? "to 0" : f(than)})`,
        holds: falling === joined.length && slower && network.blocks.every(({ output }) => output > 0),
      };
    },
  );
  state(
    "Fig. 5",
    iand,
    "without zero-init Aˡ of SEW IAND, the rate of its last neurons, decays slowly with depth",
    ({ blocks }) => {
      const [first, last] = [blocks[0]!.residual ?? Number.NaN, blocks.at(-1)!.residual ?? Number.NaN];
      return {
        measured: `Aˡ from ${f(first)} to ${f(last)} (a part of ${limits.little} to 1)`,
        holds: last / first <= 1 && last / first >= limits.little,
      };
    },
  );

  for (const figure of [6, 7, 8] as const) {
    const source = `Fig. ${figure}`;
    const networks = measurements.filter((each) => each.figure === figure);
    const named = `${settingOf(figure)}: Oˡ is g(Aˡ, Sˡ) of its family, and Sˡ in identity blocks at zero-init alone`;
    state("Table 1", networks[0], named, () => {
      const others = networks.filter((network) => !isOfItsFamily(network)).map(labelOf);
      return {
        measured: `so in ${networks.length - others.length} of ${networks.length} networks (all)${others.length > 0 ? `, not in ${others.join("; ")}` : ""}`,
        holds: others.length === 0,
      };
    });
    const flat = sew.flatMap((family) => find(figure, family, true) ?? []);
    const text = `${settingOf(figure)}: at zero-init the gradient is the same in each identity region, for every g`;
    state(source, flat[0], text, () => {
      // What is no number stays one, and is not flat.
      const spreads = flat.map((network) =>
        Math.max(...regions.map((region) => spreadOf(gradientsIn(network, region)))),
      );
      const each = flat.map(({ family }, i) => `${spreads[i]!.toFixed(4)} of ${family}`);
      return {
        measured: `max/min at most ${each.join(", ")} (${limits.flat})`,
        holds: spreads.every((spread) => spread <= limits.flat),
      };
    });
    const spiking = find(figure, "Spiking", true);
    if (figure === 6)
      state(source, spiking, `${settingOf(6)}: at zero-init that of Spiking decays, then levels`, levels);
    if (figure === 7) state(source, spiking, `${settingOf(7)}: at zero-init that of Spiking decays faster`, decays);
    if (figure === 8) state(source, spiking, `${settingOf(8)}: at zero-init that of Spiking explodes`, explodes);
    if (figure !== 6) continue;
    const plain = "without zero-init the gradient of";
    state(source, find(6, "Spiking", false), `${plain} Spiking decays from deep to shallow blocks`, (network) => {
      const gradients = gradientsIn(network, longest);
      const part = gradients[0]! / gradients.at(-1)!;
      return {
        measured: `in ${where} from ${e(gradients.at(-1)!)} to ${e(gradients[0]!)} (by at most ${limits.decayed})`,
        holds: part <= limits.decayed,
      };
    });
    state(source, find(6, "SEW AND", false), `${plain} SEW AND vanishes`, ({ blocks, lastGradient }) => {
      const first = blocks[0]!.gradient;
      return {
        measured: `from ${e(lastGradient)} to ${e(first)} of the first block (by at most ${limits.vanished})`,
        holds: first / lastGradient <= limits.vanished,
      };
    });
    for (const family of ["SEW ADD", "SEW IAND"] as const) {
      const text = `${plain} ${family} increases slowly from deep to shallow blocks`;
      state(source, find(6, family, false), text, (network) => {
        const factor = factorOf(gradientsIn(network, longest));
        return {
          measured: `in ${where} by ${f(factor)} a block (above 1, at most ${limits.slow})`,
          holds: factor > 1 && factor <= limits.slow,
        };
      });
    }
  }
  return statements;

  function levels(network: Measurement): Omit<Statement, "source" | "text"> {
    const gradients = gradientsIn(network, longest);
    const [deep, shallow] = [gradients.at(-1)!, gradients.slice(0, Math.ceil(gradients.length / 2))];
    const spread = spreadOf(shallow);
    return {
      measured:
        `in ${where} from ${e(deep)} to ${e(gradients[0]!)} (by at most ${limits.decayed}), in the shallow half of them ` +
        `max/min ${f(spread)} (${limits.flat})`,
      holds: gradients[0]! / deep <= limits.decayed && spread <= limits.flat,
    };
  }

  function decays(network: Measurement): Omit<Statement, "source" | "text"> {
    const factor = factorOf(gradientsIn(network, longest));
    const slower = find(6, "Spiking", true);
    const other = slower && factorOf(gradientsIn(slower, longest));
    const than = other === undefined ? limits.decayed : Math.min(other, limits.decayed);
    return {
      measured: `in ${where} by ${f(factor)} a block (below ${f(than)}${than === other ? `, that of ${settingOf(6)}` : ""})`,
      holds: factor < than,
    };
  }

  function explodes(network: Measurement): Omit<Statement, "source" | "text"> {
    const gradients = gradientsIn(network, longest);
    const factor = factorOf(gradients);
    return {
      measured: `in ${where} from ${e(gradients.at(-1)!)} to ${e(gradients[0]!)}, by ${f(factor)} a block (at least ${limits.explodes})`,
      holds: factor >= limits.explodes,
    };
  }
}

const sew = ["SEW ADD", "SEW AND", "SEW IAND"] as const satisfies readonly ComparedFamily[];

function isOf(a: Network, b: Network): boolean {
  return a.figure === b.figure && a.family === b.family && a.zeroInit === b.zeroInit;
}

import { network } from "@sew/models";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Item, parseNotation, type Said, vocabulary as vocabularyOf } from "../src/notation.js";

const vocabulary = vocabularyOf();

/** What the items say, without where they stand. */
const said = (notation: string): Said[] =>
  parseNotation(notation, vocabulary).map(({ text, at, ...rest }: Item) => rest as Said);

describe("parseNotation", () => {
  it.each<[string, Said]>([
    ["c32k3s1", { kind: "conv", channels: 32, kernel: 3, stride: 1, padding: 1 }],
    ["c64", { kind: "conv", channels: 64, kernel: 3, stride: 1, padding: 1 }],
    ["c64k7s2", { kind: "conv", channels: 64, kernel: 7, stride: 2, padding: 3 }],
    ["c64k4", { kind: "conv", channels: 64, kernel: 4, stride: 1, padding: 2 }],
    ["c8s2p0", { kind: "conv", channels: 8, kernel: 3, stride: 2, padding: 0 }],
    [" c 8 k 1 s 2 p 0 ", { kind: "conv", channels: 8, kernel: 1, stride: 2, padding: 0 }],
    ["BN", { kind: "norm" }],
    ["IF", { kind: "neurons", name: "IF" }],
    ["LIF", { kind: "neurons", name: "LIF" }],
    ["PLIF", { kind: "neurons", name: "PLIF" }],
    ["QIF", { kind: "neurons", name: "QIF" }],
    ["EIF", { kind: "neurons", name: "EIF" }],
    ["ReLU", { kind: "neurons", name: "ReLU" }],
    ["SEW", { kind: "block", name: "SEW", channels: undefined }],
    ["SEW Block", { kind: "block", name: "SEW", channels: undefined }],
    ["SEW(c32)", { kind: "block", name: "SEW", channels: 32 }],
    ["SEW Block(c32)", { kind: "block", name: "SEW", channels: 32 }],
    ["SEW ADD Block(c32)", { kind: "block", name: "SEW ADD", channels: 32 }],
    ["SEW  AND\n( c32 )", { kind: "block", name: "SEW AND", channels: 32 }],
    ["SEW IAND Block", { kind: "block", name: "SEW IAND", channels: undefined }],
    ["Spiking Block(c32)", { kind: "block", name: "Spiking", channels: 32 }],
    ["Plain Block(c32)", { kind: "block", name: "Plain", channels: 32 }],
    ["ANN(c32)", { kind: "block", name: "ANN", channels: 32 }],
    ["RBA Block", { kind: "block", name: "RBA", channels: undefined }],
    ["MPk2s2", { kind: "maxPool", size: 2, stride: 2 }],
    ["MPk4", { kind: "maxPool", size: 4, stride: 4 }],
    ["MPk3s1", { kind: "maxPool", size: 3, stride: 1 }],
    ["APk2", { kind: "avgPool", size: 2, stride: 2 }],
    ["DP", { kind: "dropout" }],
    ["FC512", { kind: "linear", features: 512 }],
  ])("reads %j", (notation, expected) => expect(said(notation)).toEqual([expected]));

  it("knows of every item where it stands", () =>
    expect(parseNotation("{FC3 - PLIF}*2-DP", vocabulary).map(({ text, at }) => [text, at])).toEqual([
      ["FC3", 1],
      ["PLIF", 7],
      ["FC3", 1],
      ["PLIF", 7],
      ["DP", 15],
    ]));

  it("reads what it is printed as, whatever the nesting, the spaces and the defaults left out", () =>
    fc.assert(
      fc.property(structures, ({ printed, items }) => {
        expect(said(printed)).toEqual(items);
      }),
    ));
});

/** A structure as text, and the items that it stands for. */
interface Printed {
  readonly printed: string;
  readonly items: readonly Said[];
}

const size = fc.integer({ min: 1, max: 2 ** 20 });
const space = fc.constantFrom("", "", "", " ", "\n  ");
const maybe = fc.boolean();

const item: fc.Arbitrary<Printed> = fc.oneof(
  fc
    .record({ channels: size, kernel: size, stride: size, padding: size, spell: fc.tuple(maybe, maybe, maybe) })
    .map(({ channels, spell: [k, s, p], ...given }): Printed => {
      const kernel = k ? given.kernel : 3;
      const stride = s ? given.stride : 1;
      const padding = p ? given.padding : Math.floor(kernel / 2);
      const printed = `c${channels}${k ? `k${kernel}` : ""}${s ? `s${stride}` : ""}${p ? `p${padding}` : ""}`;
      return { printed, items: [{ kind: "conv", channels, kernel, stride, padding }] };
    }),
  fc.constantFrom<Printed>(
    { printed: "BN", items: [{ kind: "norm" }] },
    { printed: "DP", items: [{ kind: "dropout" }] },
    ...Object.keys(vocabulary.neurons).map((name) => ({
      printed: name,
      items: [{ kind: "neurons", name }] as const,
    })),
  ),
  fc.tuple(fc.constantFrom(...Object.keys(vocabulary.blocks)), fc.option(size, { nil: undefined }), maybe, space).map(
    ([name, channels, word, gap]): Printed => ({
      printed: `${name}${word ? " Block" : ""}${channels === undefined ? "" : `${gap}(c${channels})`}`,
      items: [{ kind: "block", name, channels }],
    }),
  ),
  fc.tuple(fc.constantFrom("maxPool", "avgPool"), size, size, maybe).map(
    ([kind, k, s, spelled]): Printed => ({
      printed: `${kind === "maxPool" ? "MP" : "AP"}k${k}${spelled ? `s${s}` : ""}`,
      items: [{ kind, size: k, stride: spelled ? s : k }],
    }),
  ),
  size.map((features): Printed => ({ printed: `FC${features}`, items: [{ kind: "linear", features }] })),
);

/** Items and repetitions, nested up to three deep. */
const { list: structures } = fc.letrec<{ list: Printed; part: Printed; group: Printed }>((tie) => ({
  list: fc.array(fc.tuple(tie("part"), space, space), { minLength: 1, maxLength: 4 }).map((parts) => ({
    printed: parts.map(([{ printed }, before, after]) => before + printed + after).join("-"),
    items: parts.flatMap(([{ items }]) => items),
  })),
  part: fc.oneof({ maxDepth: 3, depthIdentifier: "parts" }, item, tie("group")),
  group: fc
    .tuple(tie("list"), fc.integer({ min: 1, max: 3 }), space, space)
    .map(([{ printed, items }, times, before, after]) => ({
      printed: `{${printed}}${before}*${after}${times}`,
      items: Array.from({ length: times }, () => items).flat(),
    })),
}));

const frames = { height: 32, width: 32 };
const itemForms = "such as c32k3s1, BN, PLIF, SEW Block(c32), MPk2s2, DP or FC10";

describe("errors in a notation", () => {
  it("show where they are", () =>
    expect(() => network("c32k3s1-BN-PLIF-{SEW Blok(c32)-MPk2s2}*7-FC11", frames)).toThrow(
      new RangeError(
        `network: items must be ${itemForms}, got "SEW Blok(c32)" at offset 17; did you mean "SEW Block(c32)"?\n` +
          "  c32k3s1-BN-PLIF-{SEW Blok(c32)-MPk2s2}*7-FC11\n" +
          "                   ^",
      ),
    ));

  it("show the part around them of what is long, on one line", () =>
    expect(() => network(`${"c1 -\n".repeat(50)}MPX-${"c1-".repeat(50)}c1`, frames)).toThrow(
      new RangeError(
        `network: items must be ${itemForms}, got "MPX" at offset 250; did you mean "MPk2"?\n` +
          `  ${"c1 - ".repeat(12)}MPX-${"c1-".repeat(12)}\n${" ".repeat(62)}^`,
      ),
    ));

  it.each([
    ["SEW Blok(c32)", "SEW Block(c32)"],
    ["SEW Blok(c7)", "SEW Block(c7)"],
    ["sew iand block (c8)", "SEW IAND Block(c8)"],
    ["Spking Block", "Spiking Block"],
    ["PLF", "PLIF"],
    ["Relu", "ReLU"],
    ["C64k3s2", "c64k3s2"],
    ["c", "c32"],
    ["ck3", "c32k3"],
    ["c64k", "c32k3"],
    ["c64ks1", "c32k3s1"],
    ["MPk", "MPk2"],
    ["MP2", "MPk2"],
    ["FC", "FC10"],
    ["bn", "BN"],
  ])("%j was meant as %j", (text, meant) =>
    expect(() => network(text, frames)).toThrow(`got ${JSON.stringify(text)} at offset 0; did you mean "${meant}"?\n`),
  );

  it("suggest nothing where nothing is near", () =>
    expect(() => network("Transformer", frames)).toThrow('got "Transformer" at offset 0\n'));

  it.each([
    ["", `notation must have an item, got nothing at offset 0; items are ${itemForms}`],
    ["  ", `notation must have an item, got nothing at offset 2; items are ${itemForms}`],
    ["FC3-", `notation must have an item, got nothing at offset 4; items are ${itemForms}`],
    ["-FC3", `notation must have an item, got "-" at offset 0; items are ${itemForms}`],
    ["FC3--FC3", `notation must have an item, got "-" at offset 4; items are ${itemForms}`],
    ["{}*2", `notation must have an item, got "}" at offset 1; items are ${itemForms}`],
    ["{FC3-}*2", `notation must have an item, got "}" at offset 5; items are ${itemForms}`],
    ["{{FC3}*2", 'notation must have a "}" for every "{", got "{" at offset 0'],
    ["FC3}*2", 'notation must have a "{" for every "}", got "}" at offset 3'],
    ["{FC3}", 'notation must have "*" and a number behind every "}", got nothing at offset 5'],
    ["{FC3}2", 'notation must have "*" and a number behind every "}", got "2" at offset 5'],
    ["{FC3}*", 'notation must have a number of at least 1 behind "*", got nothing at offset 6'],
    ["{FC3}* n", 'notation must have a number of at least 1 behind "*", got "n" at offset 7'],
    ["{FC3}*0", 'notation must have a number of at least 1 behind "*", got "0" at offset 6'],
    ["FC3*2", 'notation must have "-" between items, got "*" at offset 3; write what is repeated as {...}*2'],
    ["FC3{FC3}*2", 'notation must have "-" between items, got "{" at offset 3; write what is repeated as {...}*2'],
    ["{FC3}*1001", "notation must have at most 1000 items with all repetitions, got 1001 at offset 6"],
    ["{FC3}*1000-DP", "notation must have at most 1000 items with all repetitions, got 1001 at offset 13"],
    ["{{FC3}*900}*2", "notation must have at most 1000 items with all repetitions, got 1800 at offset 12"],
    ["{FC3}*1000000000", "notation must have at most 1000 items with all repetitions, got 1000000000 at offset 6"],
    ["c0", 'the channels of an item must be from 1 to 1048576, got "c0" at offset 0'],
    ["c8k0", 'the kernel of an item must be from 1 to 1048576, got "c8k0" at offset 0'],
    ["MPk2s0", 'the stride of an item must be from 1 to 1048576, got "MPk2s0" at offset 0'],
    ["FC9999999999", 'the features of an item must be from 1 to 1048576, got "FC9999999999" at offset 0'],
  ])("refuses %j", (notation, message) => {
    const offset = Number(/ at offset (\d+)/.exec(message)![1]);
    const shown = `network: ${message}\n  ${notation}\n  ${" ".repeat(offset)}^`;
    expect(() => network(notation, frames)).toThrow(new RangeError(shown));
  });

  it.each(["c1e9k3s1", "FC1e9", "MPk1e9", "{FC3}*1e9", "c-1", "c1.5"])(
    "refuses the number of %j, with its place",
    (text) => expect(() => network(text, frames)).toThrow(/^network: [^\n]* at offset \d+[^\n]*\n {2}[^\n]*\n +\^$/),
  );

  it("lets no control character reach a terminal, and keeps the caret in its place", () =>
    expect(() => network("c4-\u001b[2J\u009b1m-FC3", frames)).toThrow(
      new RangeError(
        `network: items must be ${itemForms}, got "\\u001b[2J\\x9b1m" at offset 3\n  c4-\ufffd[2J\ufffd1m-FC3\n     ^`,
      ),
    ));

  it("does not mind braces a hundred thousand deep", () => {
    const deep = 100_000;
    expect(said(`${"{".repeat(deep)}DP${"}*1".repeat(deep)}`)).toEqual([{ kind: "dropout" }]);
    expect(() => parseNotation("{".repeat(deep), vocabulary)).toThrow(RangeError);
  });
});

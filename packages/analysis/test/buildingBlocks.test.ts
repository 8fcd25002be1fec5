/** @file The building blocks of sections. */
import {
  barChart,
  frameStrip,
  html,
  type LineChartOptions,
  lineChart,
  picture,
  report,
  section,
  sideBySide,
  table,
  trustedHtml,
} from "@sew/analysis";
import { families } from "@sew/models";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attribute, faults, labels, named, rowsOf, words } from "./page.js";

const pageOf = (...content: Parameters<typeof html> extends [unknown, ...infer C] ? C : never) =>
  report({ title: "x", sections: [section("One", ...content)] });

describe("html", () => {
  it("escapes text and numbers, keeps HTML, joins lists, and leaves out undefined and false", () => {
    const inner = html`<b>${"<&>"}</b>`;
    expect(html`<i title="${'"'}">${inner}${[1, "'"]}${undefined}${false}${0}</i>`.text).toBe(
      '<i title="&quot;"><b>&lt;&amp;&gt;</b>1&#39;0</i>',
    );
  });

  it("gives back any text, once parsed", () =>
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        // Parsers replace NUL and normalise line ends.
        const expected = text.replaceAll("\0", "").replaceAll(/\r\n?/g, "\n");
        expect(words(named(html`<p>${text}</p>`.text, "p")[0]!)).toBe(expected);
      }),
    ));

  it("takes a string for HTML only where it is marked as trusted", () => {
    expect(html`${trustedHtml("<b>x</b>")}`.text).toBe("<b>x</b>");
    expect(html`${"<b>x</b>"}`.text).toBe("&lt;b&gt;x&lt;/b&gt;");
  });
});

describe("lineChart", () => {
  const points = (page: string) => named(page, "path").length;
  /** The dashes and colours in the legend. */
  const looks = (page: string) =>
    named(page, "i").map((sample) => `${attribute(sample, "class")} ${attribute(sample, "style")!.slice(6)}`);
  const looksOf = (...names: string[]) =>
    looks(pageOf(lineChart({ title: "x", lines: names.map((name) => ({ name, values: [1] })) })));

  it("has title, legend and text alternative", () => {
    const page = pageOf(
      lineChart({
        title: "Loss",
        lines: [
          { name: "test", values: [2, 1] },
          { name: "train", values: [2, 0.5] },
        ],
      }),
    );
    expect(faults(page)).toEqual([]);
    expect(words(named(page, "figcaption")[0]!)).toBe("Loss test train");
    expect(looks(page)).toEqual(["line solid var(--first)", "line solid var(--second)"]);
    expect(labels(page)).toEqual(["Loss, epoch 1 to 2; at the end test 1, train 0.5"]);
  });

  it.each([
    ["of their own", (i: number) => `${i}`],
    ["of one family", (i: number) => `SEW ADD, ${i} blocks`],
  ])("draws up to 12 lines with names %s, no two of which look alike", (_, name) =>
    expect(new Set(looksOf(...Array.from({ length: 12 }, (_, i) => name(i)))).size).toBe(12),
  );

  it("gives the paper's families colours of their own, however they are written", () => {
    const names = Object.keys(families);
    const all = looksOf(...names);
    expect(new Set(all.map((look) => look.split(" ").at(-1))).size).toBe(names.length);
    for (const [i, name] of names.entries()) {
      for (const written of [name.toUpperCase(), name.replaceAll("-", " "), `n-mnist-${name}, 20 blocks`]) {
        expect([written, looksOf(written, "other")[0]]).toEqual([written, all[i]]);
      }
    }
    const lookOf = (name: string) => all[names.indexOf(name)];
    expect(looksOf("SEW-ResNet-18", "Spiking ResNet-18")).toEqual([lookOf("sew-add"), lookOf("spiking")]);
  });

  it("gives a name the same colour in whatever order, and names that agree up to a comma one colour and other dashes", () => {
    const names = ["alpha", "beta", "T = 8", "T = 4"];
    expect(looksOf(...names.toReversed())).toEqual(looksOf(...names).toReversed());
    const [own, published] = looksOf("T = 4", "T = 4, published");
    expect([own!.split(" ")[1], published!.split(" ")[1]]).toEqual(["solid", "dashed"]);
    expect(published!.split(" ").at(-1)).toBe(own!.split(" ").at(-1));
  });

  it("names a marked point in the legend, not over the curves", () => {
    const mark = { index: 1, text: "best 1, epoch 2" };
    const page = pageOf(lineChart({ title: "x", lines: [{ name: "test", values: [0, 1], mark }] }));
    expect(words(named(page, "figcaption")[0]!)).toBe("x test best 1, epoch 2");
    expect(words(named(page, "svg")[0]!)).not.toContain("best");
  });

  it("has a logarithmic axis of whole powers of ten, on which what is not positive leaves a gap", () => {
    const lines = [{ values: [1e-3, 0, 20, -1, 1e-3] }];
    const page = pageOf(lineChart({ title: "x", lines, scale: "log" }));
    expect(words(named(page, "svg")[0]!)).toMatch(/\s0\.001\s+0\.01\s+0\.1\s+1\s+10\s+100\s/);
    const { lines: drawn, ends } = JSON.parse(attribute(named(page, "svg")[0]!, "data-chart")!);
    expect(drawn[0].y).toEqual([-3, false, 1.30103, false, -3]);
    expect(ends.slice(2)).toEqual([-3, 2]);
    expect(labels(page)).toEqual(["x, epoch 1 to 5; at the end 0.001"]);
  });

  it("says of a logarithmic axis which lines have values of 0, and shows those under the pointer", () => {
    const lines = [
      { name: "SEW ADD", values: [1, 2, Number.NaN] },
      { name: "SEW AND", values: [0, 1, Number.NaN] },
      { name: "Spiking", values: [0, 0, undefined] },
    ];
    const page = pageOf(lineChart({ title: "x", lines, scale: "log" }));
    expect(named(page, "p").map(words)).toEqual([
      "A logarithmic axis has no place for 0 or below: such values of SEW AND; Spiking are not drawn.",
    ]);
    const { lines: drawn } = JSON.parse(attribute(named(page, "svg")[0]!, "data-chart")!);
    expect(drawn.map(({ texts }: { texts?: unknown }) => texts)).toEqual([
      undefined,
      ["0", "1", "–"],
      ["0", "0", null],
    ]);
    expect(named(pageOf(lineChart({ title: "x", lines })), "p")).toEqual([]);
  });

  it("counts along x what it is asked to, at the positions of its values", () => {
    const chart = lineChart({ title: "Rate", x: [0, 2.5, 10], xName: "time-step", lines: [{ values: [1, 2, 3] }] });
    expect(labels(pageOf(chart))).toEqual(["Rate, time-step 0 to 10; at the end 3"]);
    expect(words(named(pageOf(chart), "svg")[0]!)).toContain("time-step");
  });

  it("connects the neighbours of an undefined value, and leaves a gap at one that is not finite", () => {
    const pathOf = (values: readonly (number | undefined)[]) =>
      named(pageOf(lineChart({ title: "x", lines: [{ values: [...values, ...Array(12).fill(1)] }] })), "path")
        .map((path) => attribute(path, "d")!)
        .filter((d) => (d.match(/L/g) ?? []).length > 5);
    const moves = (values: readonly (number | undefined)[]) => pathOf(values).map((d) => d.match(/M/g)!.length);
    expect(moves([1, 1, undefined, 1, 1])).toEqual([1]);
    expect(moves([1, 1, Number.NaN, 1, 1])).toEqual([2]);
    expect(moves([1, 1, Number.POSITIVE_INFINITY, 1, 1])).toEqual([2]);
  });

  it("is a chart for any finite values, below 0 too, and writes no NaN", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.double({ min: -1e300, max: 1e300 }), fc.constantFrom(undefined, 0, -0, 1e-25, Number.NaN)),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        fc.constantFrom<LineChartOptions>(
          { title: "x", lines: [] },
          { title: "x", lines: [], scale: "log" },
          { title: "x", lines: [], fromZero: false },
          { title: "x", lines: [], format: "percent" },
        ),
        (values, options) => {
          const page = pageOf(lineChart({ ...options, lines: [{ values }] }));
          expect(faults(page)).toEqual([]);
          const { ends } = JSON.parse(attribute(named(page, "svg")[0]!, "data-chart")!);
          expect(ends[0] < ends[1] && ends[2] < ends[3]).toBe(true);
          expect(page).not.toMatch(/NaN|Infinity/);
          expect(points(page)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 80 },
    ));

  it("shades the range behind a line, and its axis has room for it", () => {
    const line = { name: "loss", values: [2, 1] };
    const plain = pageOf(lineChart({ title: "x", lines: [line] }));
    const shaded = pageOf(lineChart({ title: "x", lines: [{ ...line, range: [[1, 9] as const, [0, 1] as const] }] }));
    const areas = (page: string) => named(page, "path").filter((path) => attribute(path, "fill-opacity") === "0.15");
    expect([areas(plain).length, areas(shaded).length > 0]).toEqual([0, true]);
    expect(words(named(plain, "svg")[0]!)).not.toContain("10");
    expect(words(named(shaded, "svg")[0]!)).toContain("10");
    expect(labels(shaded)).toEqual(labels(plain));
  });

  it("shades ranges on either side of 0, from the least to the greatest value", () => {
    const height = (range: readonly [number, number]) => {
      const lines = [{ values: [-4, 0, 4], range: [range, range, range] }];
      const [area] = named(pageOf(lineChart({ title: "x", lines })), "path").filter(
        (path) => attribute(path, "fill-opacity") === "0.15",
      );
      const ys = [...attribute(area!, "d")!.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map(([, , y]) => Number(y));
      return Math.max(...ys) - Math.min(...ys);
    };
    expect(height([-4, 4])).toBeCloseTo(2 * height([-4, 0]), 0);
    expect(height([-4, 4])).toBeCloseTo(2 * height([0, 4]), 0);
  });

  it("has an axis for vanishing values", () => {
    const page = pageOf(lineChart({ title: "Gradient", lines: [{ values: [4e-25, 1e-25] }] }));
    expect(labels(page)).toEqual(["Gradient, epoch 1 to 2; at the end 1e-25"]);
    expect(words(named(page, "svg")[0]!)).toMatch(/\s0\s+1e-25\s+2e-25\s+3e-25\s+4e-25\s/);
  });

  it.each([
    {
      options: { lines: [] },
      message: "lineChart: lines must be 1 to 12, got 0; draw more in a chart of their own",
    },
    {
      options: { lines: Array(13).fill({ values: [1] }) },
      message: "lineChart: lines must be 1 to 12, got 13; draw more in a chart of their own",
    },
    {
      options: { lines: [{ values: [1, 2] }, { values: [1] }] },
      message: "lineChart: lines must have 1 value for each of 2 positions, at least 1, got 1 values",
    },
    {
      options: { lines: [{ values: [] }] },
      message: "lineChart: lines must have 1 value for each of 0 positions, at least 1, got 0 values",
    },
    { options: { lines: [{ values: [1, 2] }], x: [1, 1] }, message: "lineChart: x must ascend, got 1 at index 1" },
    {
      options: { lines: [{ values: [1] }], x: [Number.NaN] },
      message: "lineChart: x must ascend, got NaN at index 0",
    },
    {
      options: { lines: [{ values: [1, 2] }], max: 1 },
      message: "lineChart: max must not be below a value, got 1 and 2",
    },
    {
      options: { lines: [{ values: [1], mark: { index: 1, text: "here" } }] },
      message: "lineChart: mark.index must point at a finite value, got undefined at 1",
    },
  ])("refuses $options", ({ options, message }) =>
    expect(() => lineChart({ title: "x", ...options })).toThrow(new RangeError(message)),
  );
});

describe("barChart", () => {
  it("has a bar for each value, named in the legend and in the text alternative", () => {
    const page = pageOf(
      barChart({
        title: "Operations",
        names: ["stem", "head"],
        bars: [
          { name: "before", values: [1, 2] },
          { name: html`<b>after</b>`, values: [0.5, undefined] },
        ],
      }),
    );
    expect(faults(page)).toEqual([]);
    expect(words(named(page, "figcaption")[0]!)).toBe("Operations before after");
    expect(labels(page)).toEqual(["Operations: stem 1.000 and 0.500; head 2.000"]);
    expect(words(named(page, "svg")[0]!)).toMatch(/stem\s+head[\s\S]*\s1\.000\s+2\.000\s+0\.500/);
  });

  it("has an axis for vanishing values", () => {
    const bars = [{ values: [4e-25, 2e-25] }];
    const page = pageOf(barChart({ title: "x", names: ["a", "b"], bars, format: (value) => value.toPrecision(2) }));
    expect(words(named(page, "svg")[0]!)).toMatch(/\s0\s+1e-25[\s\S]*\s4\.0e-25\s+2\.0e-25\s/);
  });

  it("shows the end of a name that is too long for the axis", () => {
    const names = ["stage3.block12.shortcut.conv", "network.stages.second.block11.shortcut"];
    const page = pageOf(barChart({ title: "x", names, bars: [{ values: [0, 1] }] }));
    expect(words(named(page, "svg")[0]!)).toMatch(
      /stage3\.block12\.shortcut\.conv[\s\S]*\s…ges\.second\.block11\.shortcut\n/,
    );
  });

  it.each([
    { names: [], bars: [{ values: [] }], message: "barChart: names must hold at least 1 name, got none" },
    { names: ["a"], bars: [], message: "barChart: bars must be 1 to 4 for each name, got 0" },
    {
      names: ["a"],
      bars: Array(5).fill({ values: [1] }),
      message: "barChart: bars must be 1 to 4 for each name, got 5",
    },
    {
      names: ["a"],
      bars: [{ values: [1, 2] }],
      message: "barChart: bars must have 1 value for each of 1 names, got 2 values",
    },
  ])("refuses $names with $bars", ({ names, bars, message }) =>
    expect(() => barChart({ title: "x", names, bars })).toThrow(new RangeError(message)),
  );
});

describe("table", () => {
  it("names its columns and its rows", () => {
    const page = pageOf(
      table(
        ["Layer", "Rate"],
        [
          ["stem", 0.1],
          ["head", html`<b>0</b>`],
        ],
      ),
    );
    expect(faults(page)).toEqual([]);
    expect(rowsOf(page, 0)).toEqual([
      ["Layer", "Rate"],
      ["stem", "0.1"],
      ["head", "0"],
    ]);
    expect(named(page, "th").map((cell) => attribute(cell, "scope"))).toEqual(["col", "col", "row", "row"]);
  });

  it("refuses a row with another number of cells", () =>
    expect(() => table(["a", "b"], [["1", "2"], ["3"]])).toThrow(
      new RangeError("table: rows must have 2 cells, one for each column, got 1"),
    ));
});

describe("sideBySide", () => {
  it("keeps its parts in order and leaves out those that are false", () => {
    const page = pageOf(sideBySide(html`<p>left</p>`, false, html`<p>right</p>`));
    const [pair] = named(page, "div");
    expect(named(pair!, "p").map(words)).toEqual(["left", "right"]);
  });
});

describe("picture", () => {
  const strip = frameStrip(new Uint8Array(200 * 200), [1, 200, 200, 1]);

  it("is in the page itself, with its size and text alternative", () => {
    const [image] = named(pageOf(picture(strip, "nothing")), "img");
    expect(attribute(image!, "src")).toBe(`data:image/png;base64,${Buffer.from(strip.png).toString("base64")}`);
    expect(["width", "height", "alt"].map((name) => attribute(image!, name))).toEqual(["200", "200", "nothing"]);
  });

  it("keeps pixels sharp where it is certainly enlarged", () => {
    const classOf = (page: string) => attribute(named(page, "img")[0]!, "class");
    expect(classOf(pageOf(picture(strip, "x")))).toBeUndefined();
    expect(classOf(pageOf(picture(strip, "x", 2)))).toBe("enlarged");
  });
});

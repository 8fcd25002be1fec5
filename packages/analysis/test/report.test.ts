import { createHash } from "node:crypto";
import {
  barChart,
  confusionSection,
  firingRatesSection,
  html,
  lineChart,
  report,
  samplesSection,
  section,
  settingsSection,
  table,
  trainingSection,
} from "@sew/analysis";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { confusion, example, historyOf, rates, sample } from "./example.js";
import { attribute, elements, faults, figuresOf, headings, named, words } from "./page.js";

const page = report(example);

describe("a report", () => {
  it("shows its sections in order, under title, subtitle, notes and figures", () => {
    expect(headings(page)).toEqual([
      "Training",
      "Confusion matrix",
      "Firing rates",
      "Samples",
      "Configuration",
      "Environment",
    ]);
    expect(words(named(page, "h1")[0]!)).toBe("7B-Net on gestures");
    expect(words(named(page, "header")[0]!)).toContain("The data is synthetic.");
    expect(figuresOf(page)).toContain("Parameters130\u202f938");
  });

  it("shows sections of one's own among them, with charts and tables", () => {
    const energy = section(
      "Energy",
      html`<p>Estimated at ${3.1} mJ per sample.</p>`,
      lineChart({ title: "Energy per sample", lines: [{ values: [5, 4, 3.1] }] }),
      barChart({ title: "Energy by layer", names: ["stem"], bars: [{ values: [3.1] }] }),
      table(["Layer", "Energy"], [["stem", "3.1 mJ"]]),
    );
    const [training, ...others] = example.sections;
    const extended = report({
      ...example,
      figures: [{ name: "Energy", value: "3.1 mJ", detail: "per sample" }],
      sections: [training, energy, ...others],
    });
    expect(faults(extended)).toEqual([]);
    expect(headings(extended).slice(0, 3)).toEqual(["Training", "Energy", "Confusion matrix"]);
    expect(figuresOf(extended)).toEqual(["Energy3.1 mJper sample"]);
    const part = named(extended, "section")[1]!;
    expect(words(part)).toContain("Estimated at 3.1 mJ per sample.");
    expect(named(part, "svg").map((svg) => attribute(svg, "aria-label"))).toEqual([
      "Energy per sample, epoch 1 to 3; at the end 3.1",
      "Energy by layer: stem 3.100",
    ]);
  });

  it("leaves out sections that are undefined or false", () => {
    const sections = [undefined, section("Only", "this"), false] as const;
    expect(headings(report({ title: "x", sections }))).toEqual(["Only"]);
  });

  it("of a title alone is a page with a heading", () => {
    const bare = report({ title: "Nothing yet", sections: [] });
    expect(faults(bare)).toEqual([]);
    expect(headings(bare)).toEqual([]);
    expect(["header", "main"].map((part) => words(named(bare, part)[0]!).trim())).toEqual(["Nothing yet", ""]);
  });

  it("has no section for data that are empty", () =>
    expect([
      trainingSection([]),
      confusionSection({ counts: [] }),
      firingRatesSection({ layers: {}, blocks: {}, warnings: [] }),
      samplesSection([]),
      settingsSection({ Configuration: {}, Environment: undefined }),
    ]).toEqual(Array(5).fill(undefined)));

  it("is valid HTML in which no id occurs twice, even with each section twice", () => {
    const twice = report({ ...example, sections: [...example.sections, ...example.sections] });
    expect(faults(twice)).toEqual([]);
    const ids = elements(twice).flatMap((element) => attribute(element, "id") ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(named(twice, "svg")).toHaveLength(2 * named(page, "svg").length);
  });

  it("is the same for the same content, whatever was drawn before", () => {
    const make = () => report({ title: "x", sections: [trainingSection(historyOf(20)), firingRatesSection(rates)] });
    const first = make();
    report(example);
    expect(make()).toBe(first);
  });

  it("needs nothing from outside: one script, by its hash, and no address but data", () => {
    const [script, ...others] = named(page, "script");
    expect([others, named(page, "link")]).toEqual([[], []]);
    for (const { attrs } of elements(page)) {
      for (const { name, value } of attrs) {
        if (/^(src|href|xlink:href|action|srcset)$/.test(name)) expect(value).toMatch(/^data:image\/png;base64,/);
        expect(name).not.toMatch(/^on/);
      }
    }
    expect(page).not.toMatch(/@import|url\(/);
    const hash = createHash("sha256").update(words(script!)).digest("base64");
    expect(attribute(named(page, "meta")[2]!, "content")).toBe(
      `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`,
    );
  });

  it("says in words what its pictures show", () => {
    expect(named(page, "svg").map((svg) => attribute(svg, "aria-label"))).toEqual([
      "Loss, epoch 1 to 20; at the end test 0.11, train 0.1",
      "Top-1 accuracy, epoch 1 to 20; at the end test 50\u202f%, train 96\u202f%; best 87.4\u202f%, epoch 19",
      "Learning rate, epoch 1 to 20; at the end 0.005",
      "Blocks: block0 0.052 and 1.333; block1 0.250",
    ]);
    for (const svg of named(page, "svg")) expect(attribute(svg, "role")).toBe("img");
    expect(named(page, "img").map((image) => attribute(image, "alt"))).toEqual([
      "hand clapping: 4 frames of 2 x 2 pixels, 16 ON and 15 OFF events",
    ]);
    for (const figure of named(page, "figure")) {
      expect(figure.childNodes.some((node) => "tagName" in node && node.tagName === "figcaption")).toBe(true);
    }
  });

  it("escapes all text", () => {
    const texts = fc.array(fc.constantFrom("<script>", "</style>", '"', "'", "&amp;", "]]>", "-->", "{{", "a"), {
      minLength: 1,
      maxLength: 6,
    });
    const pageOf = (text: string) =>
      report({
        title: text,
        subtitle: text,
        notes: [text],
        figures: [{ name: text, value: text, detail: text }],
        sections: [
          trainingSection(historyOf(3), text),
          confusionSection({ counts: confusion.counts, classNames: [text, "b", "c"] }, text),
          firingRatesSection({
            layers: { [text]: { rate: 0, perStep: [0], silent: 1, saturated: 0 } },
            blocks: { [text]: { ...rates.blocks.block1!, residual: 0 } },
            warnings: [text],
          }),
          samplesSection([{ ...sample, className: text }]),
          settingsSection({ [text]: { [text]: text, nested: { [text]: [text] } } }),
          section(
            text,
            text,
            html`<p title="${text}">${text}</p>`,
            lineChart({ title: text, xName: text, lines: [{ name: text, values: [1], mark: { index: 0, text } }] }),
            barChart({ title: text, names: [text], bars: [{ name: text, values: [1] }], format: () => text }),
            table([text, text], [[text, text]]),
          ),
        ],
      });
    // Names may break between their parts.
    const tags = (page: string) => elements(page).flatMap(({ tagName }) => (tagName === "wbr" ? [] : [tagName]));
    const plain = tags(pageOf("plain"));
    fc.assert(
      fc.property(texts, (parts) => {
        const text = parts.join("");
        const hostile = pageOf(text);
        expect(faults(hostile)).toEqual([]);
        expect(tags(hostile)).toEqual(plain);
        expect(words(named(hostile, "title")[0]!)).toBe(text);
        expect(words(named(hostile, "h1")[0]!)).toBe(text);
        expect(attribute(named(hostile, "img")[0]!, "alt")).toMatch(/: 4 frames/);
        expect(named(hostile, "p").some((each) => attribute(each, "title") === text)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

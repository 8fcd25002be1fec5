import { type ReportData, report } from "@sew/analysis";
import * as fc from "fast-check";
import { type DefaultTreeAdapterTypes, type ParserError, parse } from "parse5";
import { describe, expect, it } from "vitest";
import { classNames, example, historyOf } from "./example.js";

type Element = DefaultTreeAdapterTypes.Element;

/** Every element of a page or of a part of one, outer before inner. */
function elements(page: string | DefaultTreeAdapterTypes.Node): Element[] {
  const found: Element[] = [];
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ("tagName" in node) found.push(node);
    if ("childNodes" in node) node.childNodes.forEach(visit);
  };
  visit(typeof page === "string" ? parse(page) : page);
  return found;
}

/** The words in a part of a page. */
function words(node: DefaultTreeAdapterTypes.Node): string {
  if ("value" in node) return node.value;
  return "childNodes" in node ? node.childNodes.map(words).join("") : "";
}

const named = (page: string | Element, tag: string) => elements(page).filter(({ tagName }) => tagName === tag);
const attribute = (element: Element, name: string) => element.attrs.find((each) => each.name === name)?.value;
const headings = (page: string) => named(page, "h2").map(words);
const tiles = (page: string) => named(page, "dl").flatMap((list) => words(list).trim().split("\n"));

/** What the parser objects to in a page. */
function faults(page: string): string[] {
  const codes: string[] = [];
  parse(page, { onParseError: ({ code }: ParserError) => codes.push(code) });
  return codes;
}

const page = report(example);

describe("a report", () => {
  it("has a section for each part that it is given, in order", () => {
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
  });

  it.each(["summary", "history", "confusion", "firingRates", "samples", "configuration", "environment"] as const)(
    "does without %s",
    (part) => {
      const { [part]: _, ...rest } = example;
      const without = report(rest);
      expect(faults(without)).toEqual([]);
      expect(headings(without).length).toBe(part === "summary" ? 6 : 5);
    },
  );

  it("of a title alone is a page with a heading", () => {
    const bare = report({ title: "Nothing yet" });
    expect(faults(bare)).toEqual([]);
    expect(headings(bare)).toEqual([]);
    expect(words(named(bare, "body")[0]!).trim()).toBe("Nothing yet");
  });

  it("leaves out what is there but empty", () => {
    const empty = report({
      title: "Nothing yet",
      notes: [],
      history: [],
      confusion: { counts: [], classNames: [] },
      firingRates: { layers: {}, blocks: {}, warnings: [] },
      samples: [],
      configuration: {},
    });
    expect(headings(empty)).toEqual([]);
  });

  it("is valid HTML, in which no id occurs twice", () => {
    expect(faults(page)).toEqual([]);
    const ids = elements(page).flatMap((element) => attribute(element, "id") ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("is the same for the same data", () => expect(report(example)).toBe(page));

  it("needs nothing from outside: no script, no address but data", () => {
    expect(named(page, "script")).toEqual([]);
    expect(named(page, "link")).toEqual([]);
    for (const { attrs } of elements(page)) {
      for (const { name, value } of attrs) {
        if (/^(src|href|xlink:href|action|srcset)$/.test(name)) expect(value).toMatch(/^data:image\/png;base64,/);
        expect(name).not.toMatch(/^on/);
      }
    }
    expect(page).not.toMatch(/@import|url\((?!#)/);
    expect(attribute(named(page, "meta")[2]!, "content")).toBe(
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    );
  });

  it("says in words what its pictures show", () => {
    const labels = named(page, "svg").map((svg) => attribute(svg, "aria-label")!);
    expect(labels).toEqual([
      "Loss over 20 epochs, at the end 0.1000 in training and 0.1100 in test",
      "Top-1 accuracy over 20 epochs, at the end 96.0\u202f% in training and 50.0\u202f% in test; best 87.4\u202f%, epoch 19",
      "Learning rate over 20 epochs, from 0.1 to 0.005",
      "block0: 0.052 and 1.333; block1: 0.250",
    ]);
    for (const svg of named(page, "svg")) expect(attribute(svg, "role")).toBe("img");
    for (const image of named(page, "img")) {
      expect(attribute(image, "alt")).toBe("hand clapping: 4 frames of 2 x 2 pixels, 16 ON and 15 OFF events");
    }
    for (const figure of named(page, "figure")) {
      expect(figure.childNodes.some((node) => "tagName" in node && node.tagName === "figcaption")).toBe(true);
    }
  });

  it("escapes all text that it is given", () => {
    const texts = fc.array(fc.constantFrom("<script>", "</style>", '"', "'", "&amp;", "]]>", "-->", "{{", "a"), {
      minLength: 1,
      maxLength: 6,
    });
    const tags = (html: string) => elements(html).map(({ tagName }) => tagName);
    const dataOf = (text: string): ReportData => ({
      ...example,
      title: text,
      subtitle: text,
      notes: [text],
      confusion: { ...example.confusion, classNames: [text, "b", "c"] },
      firingRates: {
        layers: { [text]: { rate: 0, silent: 1 } },
        blocks: { [text]: { residual: 0, output: 1 } },
        warnings: [text],
      },
      samples: [{ ...example.samples[0]!, className: text }],
      configuration: { [text]: text, nested: { [text]: [text] } },
      environment: { [text]: text },
    });
    const plain = tags(report(dataOf("plain")));
    fc.assert(
      fc.property(texts, (parts) => {
        const text = parts.join("");
        const hostile = report(dataOf(text));
        expect(faults(hostile)).toEqual([]);
        expect(tags(hostile)).toEqual(plain);
        expect(words(named(hostile, "title")[0]!)).toBe(text);
        expect(words(named(hostile, "h1")[0]!)).toBe(text);
        expect(attribute(named(hostile, "img")[0]!, "alt")).toMatch(/: 4 frames/);
      }),
      { numRuns: 20 },
    );
  });
});

describe("the figures at the head", () => {
  it("are taken from the history", () =>
    expect(tiles(page)).toEqual([
      "Best accuracy87.4\u202f%epoch 19",
      "Final accuracy50.0\u202f%epoch 20",
      "Epochs20",
      "Parameters130\u202f938",
      "Samples per second12.3training",
      "Time20\u202fmin\u202f30\u202fs",
    ]));

  it("are those given where they are given", () =>
    expect(
      tiles(report({ title: "x", history: historyOf(3), summary: { bestTop1: 0.99, bestEpoch: 0, seconds: 7380 } })),
    ).toEqual([
      "Best accuracy99.0\u202f%epoch 1",
      "Final accuracy50.0\u202f%epoch 3",
      "Epochs3",
      "Samples per second12.3training",
      "Time2\u202fh\u202f03\u202fmin",
    ]));
});

describe("the curves", () => {
  it.each([1, 2, 3, 13, 200])("of %i epochs are drawn, and the epochs listed", (epochs) => {
    const drawn = report({ title: "x", history: historyOf(epochs) });
    expect(faults(drawn)).toEqual([]);
    expect(named(drawn, "svg")).toHaveLength(epochs === 1 ? 2 : 3);
    const rows = named(drawn, "tbody").map((body) => body.childNodes.filter((node) => "tagName" in node).length);
    expect(rows).toEqual(epochs === 1 ? [1] : [Math.min(2, epochs - 1), epochs]);
  });

  it("show the learning rate only where it varies", () => {
    const constant = historyOf(5).map((record) => ({ ...record, learningRate: 0.1 }));
    expect(named(report({ title: "x", history: constant }), "svg")).toHaveLength(2);
  });

  it("leave a gap where a training diverged, and a dash in the table", () => {
    const history = historyOf(4).map((record) =>
      record.epoch < 2 ? record : { ...record, trainLoss: Number.NaN, testLoss: Number.NaN, testTop1: Number.NaN },
    );
    const diverged = report({ title: "x", history });
    expect(faults(diverged)).toEqual([]);
    expect(diverged).not.toContain("NaN");
    expect(words(named(diverged, "tbody")[0]!)).toContain("–");
    expect(tiles(diverged)[0]).toBe("Best accuracy65.0\u202f%epoch 2");
  });

  it("of a training that diverged at once are still a page", () => {
    const nan = { trainLoss: Number.NaN, testLoss: Number.NaN, testTop1: Number.NaN, trainTop1: Number.NaN };
    const diverged = report({ title: "x", history: historyOf(2).map((record) => ({ ...record, ...nan })) });
    expect(faults(diverged)).toEqual([]);
    expect(diverged).not.toContain("NaN");
    expect(tiles(diverged)[0]).toBe("Final accuracy–epoch 2");
  });
});

describe("the confusion matrix", () => {
  it("names every class twice, and shows every count and recall", () => {
    const section = named(page, "section").find((each) => words(each).includes("recall"))!;
    const rows = named(section, "tr");
    expect(rows.map((row) => row.childNodes.filter((node) => "tagName" in node).map(words))).toEqual([
      ["true ↓ predicted →", ...classNames, "recall"],
      ["hand clapping", "18", "1", "0", "94.7\u202f%"],
      ["right arm counter-clockwise", "2", "7", "11", "35.0\u202f%"],
      ["other gestures", "0", "0", "1\u202f234", "100.0\u202f%"],
    ]);
    expect(words(section)).toContain("1\u202f259 of 1\u202f273 test samples are right");
  });

  it("has a dash for the recall of a class without samples", () => {
    const counts = [
      [0, 0],
      [1, 1],
    ];
    expect(words(named(report({ title: "x", confusion: { counts } }), "tbody")[0]!)).toContain("000–");
  });

  it("lists the most frequent mistakes where there are too many classes to show all", () => {
    const counts = Array.from({ length: 40 }, (_, i) => Array.from({ length: 40 }, (_, j) => Number(i === j) * 9));
    counts[7]![30] = 1;
    counts[3]![5] = 3;
    const many = report({ title: "x", confusion: { counts, classNames: counts.map((_, i) => `class ${i}`) } });
    expect(words(named(many, "tbody")[0]!).trim().split("\n")).toEqual([
      "class 3class 5325.0\u202f%",
      "class 7class 30110.0\u202f%",
    ]);
  });

  it.each([
    {
      confusion: { counts: [[1, 2]] },
      message: "report: confusion.counts must be square, got a row of 2 in a matrix of 1",
    },
    {
      confusion: { counts: [[1]], classNames: ["a", "b"] },
      message: "report: confusion.classNames must name each of the 1 classes, got 2 names",
    },
    { confusion: { counts: [[-1]] }, message: "report: confusion.counts must be whole numbers from 0, got -1" },
    { confusion: { counts: [[0.5]] }, message: "report: confusion.counts must be whole numbers from 0, got 0.5" },
  ])("refuses $confusion", ({ confusion, message }) =>
    expect(() => report({ title: "x", confusion })).toThrow(new RangeError(message)),
  );
});

describe("the firing rates", () => {
  it("name every layer with its rate and silent neurons, and repeat the warnings", () => {
    const section = named(page, "section").find((each) => words(each).includes("Spiking layer"))!;
    expect(words(section)).toContain("unit0.neuron0.081212.5\u202f%");
    expect(words(section)).toContain('"block0.b.neuron" never fires.');
    expect(words(named(page, "svg")[3]!)).toMatch(/block0[\s\S]*block1/);
  });

  it("show the end of a path that is too long for the axis", () => {
    const blocks = { "stages.first.block0": { output: 0 }, "network.stages.second.block11": { output: 1 } };
    const drawn = report({ title: "x", firingRates: { layers: {}, blocks, warnings: [] } });
    expect(words(named(drawn, "svg")[0]!)).toMatch(/stages\.first\.block0[\s\S]*…stages\.second\.block11\n/);
  });

  it("of a network without blocks are those of its layers", () => {
    const { layers } = example.firingRates;
    const drawn = report({ title: "x", firingRates: { layers, blocks: {}, warnings: [] } });
    expect(attribute(named(drawn, "svg")[0]!, "aria-label")).toBe("unit0.neuron: 0.081; block0.b.neuron: 0.000");
  });
});

describe("the settings", () => {
  it("join the names of nested values by dots, and leave out what is undefined", () => {
    const bodies = named(page, "tbody").map((body) => words(body).trim().split("\n"));
    expect(bodies.at(-2)).toEqual([
      "epochs20",
      "optimizer.namesgd",
      "optimizer.momentum0.9",
      "stages32, 64",
      "augmentnone",
    ]);
  });

  it("write what JSON can hold and a little more", () => {
    class Custom {}
    const configuration = { none: null, yes: true, when: new Date(0), rows: [{ a: 1 }], make: Custom };
    expect(
      words(named(report({ title: "x", configuration }), "tbody")[0]!)
        .trim()
        .split("\n"),
    ).toEqual(["nonenull", "yestrue", "when1970-01-01T00:00:00.000Z", 'rows{"a":1}', "makeCustom"]);
  });
});

import {
  confusionSection,
  type EpochRecord,
  energySection,
  type FiringRates,
  firingRatesSection,
  measuresSection,
  report,
  type Section,
  type SynOps,
  samplesSection,
  settingsRows,
  settingsSection,
  summaryFigures,
  synOpsSection,
  trainingSection,
} from "@sew/analysis";
import { describe, expect, it } from "vitest";
import {
  configuration,
  confusion,
  environment,
  historyOf,
  rates,
  sample,
  trainOnly,
  withValidation,
} from "./example.js";
import { attribute, elements, faults, headings, labels, named, rowsOf, words } from "./page.js";

const pageOf = (...sections: (Section | undefined)[]) => report({ title: "x", sections });
const lead = (page: string) => named(page, "p").map(words);

describe("trainingSection", () => {
  it.each([
    { epochs: 1, charts: 2, columns: ["1, best"] },
    { epochs: 2, charts: 3, columns: ["2, best"] },
    { epochs: 3, charts: 3, columns: ["2, best", "3"] },
    { epochs: 13, charts: 3, columns: ["12, best", "13"] },
    { epochs: 200, charts: 3, columns: ["199, best", "200"] },
  ])(
    "of $epochs epochs has $charts charts, the best and the last epoch, and all epochs",
    ({ epochs, charts, columns }) => {
      const page = pageOf(trainingSection(historyOf(epochs)));
      expect(faults(page)).toEqual([]);
      expect(named(page, "svg")).toHaveLength(charts);
      expect(rowsOf(page, 0)[0]).toEqual(["Epoch", ...columns]);
      expect(named(page, "details")).toHaveLength(epochs === 1 ? 0 : 1);
      if (epochs > 1) expect(rowsOf(page, 1)).toHaveLength(epochs + 1);
    },
  );

  it("has the numbers of the best and the last epoch in a table", () =>
    expect(rowsOf(pageOf(trainingSection(historyOf(20))), 0)).toEqual([
      ["Epoch", "19, best", "20"],
      ["Train loss", "0.1053", "0.1000"],
      ["Train top-1", "95.8\u202f%", "96.0\u202f%"],
      ["Test loss", "0.1158", "0.1100"],
      ["Test top-1", "87.4\u202f%", "50.0\u202f%"],
    ]));

  it("chooses the best epoch on validation data where there are some", () => {
    const page = pageOf(trainingSection(withValidation(historyOf(4))));
    expect(lead(page)).toEqual([
      "Best on validation data: 91.2\u202f%, epoch 2. Accuracy on test data in that epoch: 65.0\u202f%.",
    ]);
    expect(labels(page)[1]).toBe(
      "Top-1 accuracy, epoch 1 to 4; at the end validation 30\u202f%, test 50\u202f%, train 80\u202f%; best 91.2\u202f%, epoch 2",
    );
    expect(rowsOf(page, 0).map(([name]) => name)).toEqual([
      "Epoch",
      ...["Train loss", "Train top-1", "Validation loss", "Validation top-1", "Test loss", "Test top-1"],
    ]);
  });

  it("with validation data alone says nothing of test data", () => {
    const page = pageOf(trainingSection(withValidation(trainOnly(4))));
    expect(lead(page)).toEqual(["Best on validation data: 91.2\u202f%, epoch 2."]);
    expect(page).not.toContain("est loss");
  });

  it("chooses the best epoch on test data else, and says what that means", () =>
    expect(lead(pageOf(trainingSection(historyOf(20))))).toEqual([
      "Best on test data: 87.4\u202f%, epoch 19. Without validation data, the epoch is chosen on the data that it is measured on.",
    ]));

  it("names no best epoch with training data alone", () => {
    const page = pageOf(trainingSection(trainOnly(3)));
    expect(faults(page)).toEqual([]);
    expect(lead(page)).toEqual([]);
    expect(labels(page)).toEqual([
      "Loss, epoch 1 to 3; at the end train 0.667",
      "Top-1 accuracy, epoch 1 to 3; at the end train 73.3\u202f%",
      "Learning rate, epoch 1 to 3; at the end 0.0333",
    ]);
    expect(rowsOf(page, 0)[0]).toEqual(["Epoch", "3"]);
  });

  it("takes epochs that were not evaluated", () => {
    const history = historyOf(6).map((record) => (record.epoch % 2 === 0 ? trainOnly(6)[record.epoch]! : record));
    const page = pageOf(trainingSection(history));
    expect(faults(page)).toEqual([]);
    expect(lead(page)[0]).toMatch(/^Best on test data: 77\.5\u202f%, epoch 4\./);
    expect(rowsOf(page, 1)[1]).toEqual([
      "1",
      "2.0000",
      "20.0\u202f%",
      "",
      "",
      "0.1",
      "1\u202fmin\u202f02\u202fs",
      "12.3",
    ]);
  });

  it("is the first of equal epochs", () => {
    const history = historyOf(3).map((record) => ({ ...record, testTop1: 0.5 }));
    expect(lead(pageOf(trainingSection(history)))[0]).toContain("epoch 1.");
  });

  it("shows the learning rate only where it varies", () => {
    const constant = historyOf(5).map((record) => ({ ...record, learningRate: 0.1 }));
    expect(named(pageOf(trainingSection(constant)), "svg")).toHaveLength(2);
  });

  it("leaves a gap where training diverged, and a dash in the table", () => {
    const nan = { trainLoss: Number.NaN, testLoss: Number.NaN, testTop1: Number.NaN };
    const page = pageOf(
      trainingSection(historyOf(4).map((record) => (record.epoch < 2 ? record : { ...record, ...nan }))),
    );
    expect(faults(page)).toEqual([]);
    expect(page).not.toContain("NaN");
    expect(rowsOf(page, 0)[1]).toEqual(["Train loss", "1.0000", "–"]);
    expect(lead(page)[0]).toContain("65.0\u202f%, epoch 2.");
  });

  it("is still a page where training diverged at once", () => {
    const nan = { trainLoss: Number.NaN, testLoss: Number.NaN, testTop1: Number.NaN, trainTop1: Number.NaN };
    const page = pageOf(trainingSection(historyOf(2).map((record) => ({ ...record, ...nan }))));
    expect(faults(page)).toEqual([]);
    expect(page).not.toContain("NaN");
    expect(lead(page)).toEqual([]);
  });

  it("refuses epochs out of order", () =>
    expect(() => trainingSection(historyOf(2).toReversed())).toThrow(
      new RangeError("trainingSection: history must be in the order of epochs, got 0 after 1"),
    ));

  it.each(["trainTop1", "validationTop1", "testTop1"] as const)("refuses a %s in per cent", (name) =>
    expect(() => trainingSection([{ ...historyOf(1)[0]!, [name]: 93.4 }])).toThrow(
      new RangeError(
        "trainingSection: history must hold accuracies from 0 to 1, got 93.4 in epoch 0; divide percentages by 100",
      ),
    ),
  );
});

describe("summaryFigures", () => {
  const shown = (...data: Parameters<typeof summaryFigures>) =>
    summaryFigures(...data).map(({ name, value, detail }) => [name, value, ...(detail === undefined ? [] : [detail])]);

  it("are taken from the history", () =>
    expect(shown({ parameters: 130_938 }, historyOf(20))).toEqual([
      ["Best accuracy", "87.4\u202f%", "test data, epoch 19"],
      ["Final accuracy", "50.0\u202f%", "test data, epoch 20"],
      ["Epochs", "20"],
      ["Parameters", "130\u202f938"],
      ["Samples per second", "12.3", "training"],
      ["Time", "20\u202fmin\u202f30\u202fs"],
    ]));

  it("have the test accuracy of the epoch that is best on validation data", () =>
    expect(shown({}, withValidation(historyOf(4))).slice(0, 3)).toEqual([
      ["Best accuracy", "91.2\u202f%", "validation data, epoch 2"],
      ["Test accuracy", "65.0\u202f%", "epoch 2"],
      ["Final accuracy", "30.0\u202f%", "validation data, epoch 4"],
    ]));

  it("are those of the summary where it has them", () =>
    expect(
      shown({ testTop1: 0.99, epochs: 4, samplesPerSecond: 1234, seconds: 7380 }, withValidation(historyOf(3))),
    ).toEqual([
      ["Best accuracy", "91.2\u202f%", "validation data, epoch 2"],
      ["Test accuracy", "99.0\u202f%", "epoch 2"],
      ["Final accuracy", "30.0\u202f%", "validation data, epoch 3"],
      ["Epochs", "4"],
      ["Samples per second", "1\u202f234", "training"],
      ["Time", "2\u202fh\u202f03\u202fmin"],
    ]));

  it("have the final accuracy on training data where there are no others", () =>
    expect(shown({}, trainOnly(2))[0]).toEqual(["Final accuracy", "60.0\u202f%", "training data, epoch 2"]));

  it("are those of the summary alone without a history", () => {
    expect(shown({})).toEqual([]);
    expect(shown({ testTop1: 0.5 })).toEqual([["Test accuracy", "50.0\u202f%"]]);
  });

  it("have a dash for an accuracy that is not a number", () => {
    const nan: EpochRecord[] = historyOf(2).map((record) => ({ ...record, testTop1: Number.NaN }));
    expect(shown({}, nan)[0]).toEqual(["Final accuracy", "–", "test data, epoch 2"]);
  });
});

describe("confusionSection", () => {
  it("names every class twice, and shows every count and recall", () => {
    const page = pageOf(confusionSection(confusion));
    expect(rowsOf(page, 0)).toEqual([
      ["true ↓ predicted →", ...confusion.classNames, "recall"],
      ["hand clapping", "18", "1", "0", "94.7\u202f%"],
      ["right arm counter-clockwise", "2", "7", "11", "35.0\u202f%"],
      ["other gestures", "0", "0", "1\u202f234", "100.0\u202f%"],
    ]);
    expect(words(named(page, "section")[0]!)).toContain("1\u202f259 of 1\u202f273 samples are right");
  });

  it("occurs twice under titles of one's own", () =>
    expect(
      headings(pageOf(confusionSection(confusion, "Validation data"), confusionSection(confusion, "Test data"))),
    ).toEqual(["Validation data", "Test data"]));

  it("has a dash for the recall of a class without samples", () => {
    const counts = [
      [0, 0],
      [1, 1],
    ];
    expect(rowsOf(pageOf(confusionSection({ counts })), 0)[1]).toEqual(["0", "0", "0", "–"]);
  });

  it("lists the most frequent mistakes where there are too many classes to show all", () => {
    const counts = Array.from({ length: 40 }, (_, i) => Array.from({ length: 40 }, (_, j) => Number(i === j) * 9));
    counts[7]![30] = 1;
    counts[3]![5] = 3;
    const many = pageOf(confusionSection({ counts, classNames: counts.map((_, i) => `class ${i}`) }));
    expect(faults(many)).toEqual([]);
    expect(rowsOf(many, 0).slice(1)).toEqual([
      ["class 3", "class 5", "3", "25.0\u202f%"],
      ["class 7", "class 30", "1", "10.0\u202f%"],
    ]);
  });

  it.each([
    {
      confusion: { counts: [[1, 2]] },
      message: "confusionSection: counts must be square, got a row of 2 in a matrix of 1 rows",
    },
    {
      confusion: { counts: [[1]], classNames: ["a", "b"] },
      message: "confusionSection: classNames must name each of the 1 classes, got 2 names",
    },
    { confusion: { counts: [[-1]] }, message: "confusionSection: counts must be whole numbers from 0, got -1" },
    { confusion: { counts: [[0.5]] }, message: "confusionSection: counts must be whole numbers from 0, got 0.5" },
  ])("refuses $confusion", ({ confusion, message }) =>
    expect(() => confusionSection(confusion)).toThrow(new RangeError(message)),
  );
});

describe("firingRatesSection", () => {
  const of = (rates: FiringRates) => pageOf(firingRatesSection(rates));

  it("names every layer with its rate and silent neurons, and repeats the warnings", () => {
    const page = of(rates);
    expect(rowsOf(page, 0)).toEqual([
      ["Spiking layer", "Φ", "Silent neurons", "Saturated"],
      ["unit0.neuron", "0.0812", "12.5\u202f%", "6.3\u202f%"],
      ["block0.b.neuron", "0.0000", "100.0\u202f%", "0.0\u202f%"],
    ]);
    expect(named(page, "li").map(words)).toEqual(['"block0.b.neuron" never fires.']);
    expect(labels(page)).toEqual(["Blocks: block0 0.052 and 1.333; block1 0.250"]);
  });

  it("shows bars of the layers for a network without blocks", () =>
    expect(labels(of({ ...rates, blocks: {} }))).toEqual([
      "Spiking layers: unit0.neuron 0.081; block0.b.neuron 0.000",
    ]));
});

describe("measuresSection", () => {
  const block = (i: number) => `block${i}`;
  const named = (count: number, of: (i: number) => number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [block(i), of(i)]));
  const measured = historyOf(4).map((record) => ({
    ...record,
    testTop1PerStep: [0.25, record.testTop1!],
    // Nothing is measured of the third.
    ...(record.epoch !== 2 && {
      gradientNorms: named(3, (i) => 10 ** -i),
      firingRates: { [block(0)]: { residual: 0.1, output: 0.2 }, [block(1)]: { output: 1.5 } },
      timeConstants: { "unit0.neuron": 2 + record.epoch },
    }),
  }));

  it("draws what the history has, over the epochs in which it was measured", () =>
    expect(labels(pageOf(measuresSection(measured)))).toEqual([
      "Top-1 on test data by time-steps used, time-steps 1 to 2; at the end best epoch 73.3\u202f%, last epoch 50\u202f%",
      "Gradient norm ‖∂L/∂O‖ of blocks, epoch 1 to 4; at the end block0 1, block1 0.1, block2 0.01",
      "Gradient norm by depth, block, from the input on 1 to 3; at the end epoch 1 0.01, epoch 4 0.01",
      "Firing rate of residual paths, A, epoch 1 to 4; at the end block0 0.1",
      "Mean output of blocks, O, epoch 1 to 4; at the end block0 0.2, block1 1.5",
      "Learned time constant τ, in time-steps, epoch 1 to 4; at the end unit0.neuron 5",
    ]));

  it("draws some of many blocks, the first and the last among them, and has the last values of all in a table", () => {
    const [record] = historyOf(1);
    const page = pageOf(measuresSection([{ ...record!, gradientNorms: named(50, (i) => i + 1) }]));
    expect(labels(page)[0]).toMatch(/block0 1, .*, block49 50$/);
    expect(words(elements(page).find(({ tagName }) => tagName === "summary")!)).toBe(
      "8 of 50 are drawn; all in epoch 1",
    );
    expect(rowsOf(page, 0).slice(1)).toEqual(Array.from({ length: 50 }, (_, i) => [block(i), `${i + 1}`]));
    expect(labels(page)[1]).toContain("from the input on 1 to 50");
  });

  it("says below its heading what it is asked to", () =>
    expect(lead(pageOf(measuresSection(measured, "Inside", { lead: "Of 4 samples." })))).toEqual(["Of 4 samples."]));

  it("is absent where nothing was measured", () => expect(measuresSection(historyOf(3))).toBeUndefined());
});

describe("samplesSection", () => {
  const alts = (page: string) => named(page, "img").map((image) => attribute(image, "alt"));
  const of = (shape: readonly number[], value: (i: number) => number) => ({
    className: "a",
    frames: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i)),
    shape,
  });

  it("says what the channels are drawn as, and the values of black and white", () => {
    const page = pageOf(
      samplesSection([
        sample,
        of([1, 2, 2, 1], (i) => i / 4),
        of([1, 2, 2, 3], (i) => i),
        of([4, 2, 2, 5], (i) => i % 5),
      ]),
    );
    expect(faults(page)).toEqual([]);
    expect(alts(page)).toEqual([
      "hand clapping: 4 frames of 2 x 2 pixels, 16 ON and 15 OFF events",
      "a: 1 picture of 2 x 2 pixels, grey from 0 to 1",
      "a: 1 picture of 2 x 2 pixels, red, green and blue from 0 to 11",
      "a: 4 frames of 2 x 2 pixels, mean of 5 channels from 1 to 2",
    ]);
    expect(lead(page)).toEqual(["Time runs from left to right and then down. ON, brighter OFF, darker"]);
  });

  it("explains neither time nor events where there are single pictures alone", () =>
    expect(lead(pageOf(samplesSection([of([1, 2, 2, 3], () => 0)])))).toEqual([]));

  it("explains only time for sequences of pictures", () =>
    expect(lead(pageOf(samplesSection([of([2, 2, 2, 1], () => 0)])))).toEqual([
      "Time runs from left to right and then down.",
    ]));

  it("draws pictures with longer sides smaller on request, and says of how many pixels the samples are", () => {
    const page = pageOf(samplesSection([of([1, 8, 4, 1], () => 0)], "Thumbnails", { longestSide: 4 }));
    const [image] = named(page, "img");
    expect([attribute(image!, "width"), attribute(image!, "height")]).toEqual(["2", "4"]);
    expect(alts(page)).toEqual(["a: 1 picture of 8 x 4 pixels, grey from 0 to 1"]);
  });

  it("shows what is predicted, the mistakes first", () => {
    const one = (className: string, predicted?: string) => ({
      ...of([1, 2, 2, 1], () => 0),
      className,
      ...(predicted !== undefined && { predicted }),
    });
    const page = pageOf(samplesSection([one("cat", "cat"), one("dog", "cat"), one("cow")]));
    const captions = named(page, "figcaption").map((caption) => words(caption).split(", 1 picture")[0]);
    expect(captions).toEqual(["dog, ✗ predicted as cat", "cat, ✓ recognised", "cow"]);
    expect(alts(page)[0]).toMatch(/^dog, predicted as cat: /);
  });

  it("starts a new row after at most 8 frames, with rows of one length", () => {
    const sizes = [8, 9, 16, 20].map((steps) => {
      const [image] = named(pageOf(samplesSection([of([steps, 2, 2, 1], () => 0)])), "img");
      return [attribute(image!, "width"), attribute(image!, "height")].map((size) => (Number(size) + 2) / 4);
    });
    expect(sizes).toEqual([
      [8, 1],
      [5, 2],
      [8, 2],
      [7, 3],
    ]);
  });
});

describe("settingsRows", () => {
  it("are names joined by dots, and values as text", () =>
    expect(settingsRows({ a: { b: 1, c: undefined }, d: [] })).toEqual([
      ["a.b", "1"],
      ["d", "none"],
    ]));
});

describe("settingsSection", () => {
  it("has a table under each heading, side by side", () => {
    const page = pageOf(settingsSection({ Configuration: configuration, Environment: environment }));
    expect(headings(page)).toEqual(["Configuration", "Environment"]);
    expect(named(named(page, "div")[0]!, "section")).toHaveLength(2);
  });

  it("joins the names of nested values by dots, and leaves out what is undefined", () =>
    expect(rowsOf(pageOf(settingsSection({ Configuration: configuration })), 0)).toEqual([
      ["epochs", "20"],
      ["optimizer.name", "sgd"],
      ["optimizer.momentum", "0.9"],
      ["stages", "32, 64"],
      ["augment", "none"],
    ]));

  it("writes what JSON can hold and a little more", () => {
    class Custom {}
    const values = { none: null, yes: true, when: new Date(0), rows: [{ a: 1 }], make: Custom };
    expect(rowsOf(pageOf(settingsSection({ x: values })), 0)).toEqual([
      ["none", "null"],
      ["yes", "true"],
      ["when", "1970-01-01T00:00:00.000Z"],
      ["rows", '{"a":1}'],
      ["make", "Custom"],
    ]);
  });
});

describe("synOpsSection and energySection", () => {
  const layer = (input: "binary" | "counts" | "reals", more: object) => ({
    input,
    density: 0.25,
    mean: 0.25,
    steps: 4,
    exact: 0,
    rate: 0,
    macs: 8e6,
    validMacs: 7e6,
    repeats: false,
    ...more,
  });
  const ops: SynOps = {
    layers: {
      stem: layer("reals", { repeats: true }),
      "block0.a": layer("binary", { exact: 1.5e6, rate: 2e6 }),
      "block1.a": layer("counts", { exact: 3e6, rate: 4e6 }),
    },
    total: {
      exact: 4.5e6,
      rate: 6e6,
      realMacs: 8e6,
      realMacsOnce: 2e6,
      countExact: 3e6,
      countMacs: 8e6,
      macs: 24e6,
      validMacs: 21e6,
    },
    samples: 2,
    warnings: ['"own" is not counted.'],
  };
  it("have a row for each layer, in millions, and the totals; of real-valued inputs no SynOps", () => {
    const page = pageOf(synOpsSection(ops));
    expect(faults(page)).toEqual([]);
    expect(rowsOf(page, 0)).toEqual([
      ["Layer", "Input", "Density", "Exact", "Rate", "Dense"],
      ["stem", "reals", "25.0\u202f%", "–", "–", "8"],
      ["block0.a", "binary", "25.0\u202f%", "1.5", "2", "8"],
      ["block1.a", "counts", "25.0\u202f%", "3", "4", "8"],
      ["Total", "", "", "4.5", "6", "24"],
    ]);
    expect(labels(page)).toEqual(["Operations, millions: stem 8; block0.a 1.5 and 2 and 8; block1.a 3 and 4 and 8"]);
    expect(page).toContain("&quot;own&quot; is not counted.");
  });

  it("give energies in microjoules under each convention and precision, with repeated images once and as they ran", () => {
    const page = pageOf(energySection(ops));
    expect(faults(page)).toEqual([]);
    expect(rowsOf(page, 0).slice(0, 3)).toEqual([
      ["µJ", "fp32", "fp16", "int8"],
      // 4.5 M · 0.9 pJ + 8 M · 4.6 pJ, and 2 M · 4.6 pJ.
      ["Spikes, exact, repeated images as run", "40.9", "13.8", "1.98"],
      ["Spikes, exact, repeated images once", "13.3", "4.8", "0.595"],
    ]);
    expect(page).toContain("memory traffic");
    expect(page).toContain("Horowitz");
    const still = { ...ops, total: { ...ops.total, realMacsOnce: ops.total.realMacs } };
    expect(rowsOf(pageOf(energySection(still)), 0).map(([name]) => name)).toEqual([
      "µJ",
      "Spikes, exact",
      "Spikes, rate × operations",
      "Sums of spikes as dense",
      "All dense",
    ]);
  });

  it("are left out where no layer was counted", () => {
    const none: SynOps = { ...ops, layers: {} };
    expect([synOpsSection(none), energySection(none)]).toEqual([undefined, undefined]);
  });
});

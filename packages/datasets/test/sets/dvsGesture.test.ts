import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dvsGesture, gestureClasses, writeAedat31 } from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  describeSampleData,
  describeTruncation,
  eventsOf,
  formatError,
  type Row,
  rowsOf,
  temporaryFolder,
} from "../support.js";

/** Events at 0, 10, 20, … 990 ms whose x counts them. */
const recorded: Row[] = Array.from({ length: 100 }, (_, i) => [i * 10_000, i, 127 - i, i % 2]);

/** A folder with trial `user01_led` in train and `user24_led` in test, both with these label rows. */
async function folderWith(labels: string, rows: readonly Row[] = recorded): Promise<string> {
  const dir = await temporaryFolder();
  for (const [split, trial] of [
    ["train", "user01_led"],
    ["test", "user24_led"],
  ]) {
    await writeFile(join(dir, `trials_to_${split}.txt`), `${trial}.aedat\n`);
    await writeFile(join(dir, `${trial}_labels.csv`), `class,startTime_usec,endTime_usec\n${labels}`);
    await writeAedat31(join(dir, `${trial}.aedat`), eventsOf(rows));
  }
  return dir;
}

const good = "1,0,30000\n8,30000,60000\r\n8,500000,600000\n11,600000,1000000\n";
const remedy = '; pass labelProblems: "warn" to take the events that are there';

describeEventDataset("dvsGesture", async () => dvsGesture(await folderWith(good)));
describeTruncation(dvsGesture, () => folderWith(good));

describe("gestureClasses", () => {
  it("are in class order, not in the order of folder names as text", () =>
    expect([gestureClasses[0], gestureClasses[2], gestureClasses[7], gestureClasses[10]]).toEqual([
      "hand clapping",
      "left-hand wave",
      "arm roll",
      "other gestures",
    ]));
});

describe("dvsGesture", () => {
  it("makes one sample of each row, named as other readers name its file, of the events with start <= t < end", async () => {
    const gestures = dvsGesture(await folderWith(good));
    expect(gestures.name).toBe("dvs-gesture");
    const samples = await gestures.samples("train");
    expect(samples.map(({ name, label, start, end }) => [name, label, start, end])).toEqual([
      ["0/user01_led_0", 0, 0, 30_000],
      ["7/user01_led_0", 7, 30_000, 60_000],
      ["7/user01_led_1", 7, 500_000, 600_000],
      ["10/user01_led_0", 10, 600_000, 1_000_000],
    ]);
    expect(rowsOf(await gestures.events(samples[1]!))).toEqual(recorded.slice(3, 6));
  });

  it.each([
    ["0,1,2\n", 2, "hold classes in 1..11, got 0", ""],
    ["1,0,9\n12,10,20\n", 3, "hold classes in 1..11, got 12", ""],
    ["1,0\n", 2, 'hold rows of three whole numbers, got "1,0"', ""],
    ["1,0,1e9\n", 2, 'hold rows of three whole numbers, got "1,0,1e9"', ""],
    ["1,-5,9\n", 2, 'hold rows of three whole numbers, got "1,-5,9"', ""],
    ["1,5,5\n", 2, "hold labels that end after they start, got 5..5 us", remedy],
    ["1,9,5\n", 2, "hold labels that end after they start, got 9..5 us", remedy],
    [
      "1,50,90\n2,0,51\n",
      2,
      "hold labels that do not overlap, got 50..90 us, which overlaps 0..51 us of line 3,",
      remedy,
    ],
  ])("refuses the labels %j", async (labels, line, says, then) => {
    const dir = await folderWith(labels);
    const file = join(dir, "user01_led_labels.csv");
    await expect(dvsGesture(dir).samples("train")).rejects.toThrow(
      formatError(`dvsGesture: ${file} must ${says} at line ${line}${then}`),
    );
  });

  it("refuses lists that name a recording twice, for both splits, or none", async () => {
    const dir = await folderWith(good);
    const [train, test] = [join(dir, "trials_to_train.txt"), join(dir, "trials_to_test.txt")];
    for (const [list, says] of [
      ["user01_led.aedat\n\nuser01_led.aedat\n", "name each recording once, got user01_led twice at line 3"],
      ["user01_led.aedat\nuser24_led.aedat", `name each recording once, got user24_led also in ${test} at line 2`],
      ["\n", "name a recording, got none at line 1"],
    ] as const) {
      await writeFile(train, list);
      await expect(dvsGesture(dir).samples("train")).rejects.toThrow(formatError(`dvsGesture: ${train} must ${says}`));
    }
  });

  it("warns of recordings that no list names", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const dir = await folderWith(good);
    for (let i = 2; i < 6; i++) await writeFile(join(dir, `user0${i}_led.aedat`), "");
    expect((await dvsGesture(dir).samples("train")).length).toBe(4);
    expect(warn.mock.calls).toEqual([
      [
        `dvsGesture: ${dir} has recordings that no list names, and that are not used: user02_led.aedat, user03_led.aedat, ` +
          "user04_led.aedat and 1 more",
        "UnlistedRecordingWarning",
      ],
    ]);
  });

  it("reads lists and labels that begin with a byte order mark", async () => {
    const dir = await folderWith(good);
    for (const name of ["trials_to_train.txt", "user01_led_labels.csv"]) {
      await writeFile(join(dir, name), `\ufeff${await readFile(join(dir, name), "utf8")}`);
    }
    expect((await dvsGesture(dir).samples("train")).length).toBe(4);
  });

  it("refuses labels without the header", async () => {
    const dir = await folderWith(good);
    const file = join(dir, "user01_led_labels.csv");
    await writeFile(file, good);
    await expect(dvsGesture(dir).samples("train")).rejects.toThrow(
      formatError(
        `dvsGesture: ${file} must start with the header "class,startTime_usec,endTime_usec", got "1,0,30000" at line 1`,
      ),
    );
  });

  it.each([
    ["beyond the end", "1,2000000,3000000\n", "2000000..3000000 us with 0 events"],
    ["far over the end", "1,900000,1200000\n", "900000..1200000 us with 10 events"],
    ["between two events", "1,11000,19000\n", "11000..19000 us with 0 events"],
  ])("refuses labels %s of the recording", async (_, labels, got) => {
    const dir = await folderWith(labels);
    const gestures = dvsGesture(dir);
    const [sample] = await gestures.samples("train");
    await expect(gestures.events(sample!)).rejects.toThrow(
      formatError(
        `dvsGesture: ${join(dir, "user01_led_labels.csv")} must label times within the recording, 0..990000 us, ` +
          `got ${got} for sample 0/user01_led_0 at line 2${remedy}`,
      ),
    );
  });

  it("takes labels that reach a little beyond the last event", async () => {
    const gestures = dvsGesture(await folderWith("1,980000,1090000\n"));
    const [sample] = await gestures.samples("train");
    expect((await gestures.events(sample!)).t.length).toBe(2);
  });

  it('warns once of wrong times with labelProblems: "warn", and takes the events that are there', async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const dir = await folderWith("1,0,50000\n2,40000,90000\n3,70000,60000\n4,5000000,6000000\n");
    const gestures = dvsGesture(dir, { labelProblems: "warn" });
    expect(gestures.name).toBe("dvs-gesture-lenient");
    await gestures.samples("train");
    const samples = await gestures.samples("train");
    const counts = [];
    for (const sample of samples) counts.push((await gestures.events(sample)).t.length);
    expect(counts).toEqual([5, 5, 0, 0]);
    const file = join(dir, "user01_led_labels.csv");
    expect(warn.mock.calls).toEqual([
      [`dvsGesture: ${file} must hold labels that end after they start, got 70000..60000 us at line 4`, "LabelWarning"],
      [
        `dvsGesture: ${file} must hold labels that do not overlap, got 40000..90000 us, which overlaps 0..50000 us of line 2, at line 3`,
        "LabelWarning",
      ],
      [
        `dvsGesture: ${file} must hold labels that do not overlap, got 70000..60000 us, which overlaps 40000..90000 us of line 3, at line 4`,
        "LabelWarning",
      ],
      [
        `dvsGesture: ${file} must label times within the recording, 0..990000 us, got 70000..60000 us with 0 events for sample 2/user01_led_0 at line 4`,
        "LabelWarning",
      ],
      [
        `dvsGesture: ${file} must label times within the recording, 0..990000 us, got 5000000..6000000 us with 0 events for sample 3/user01_led_0 at line 5`,
        "LabelWarning",
      ],
    ]);
  });

  it("refuses an event outside the sensor", async () => {
    const dir = await folderWith(good, [
      [0, 0, 0, 0],
      [1, 128, 0, 0],
    ]);
    const gestures = dvsGesture(dir);
    const [sample] = await gestures.samples("train");
    await expect(gestures.events(sample!)).rejects.toThrow(
      /^readAedat31: .*user01_led\.aedat must hold events with x < 128 and y < 128, got event 1 at x 128, y 0;/,
    );
  });

  it("says what is missing", async () => {
    const dir = await folderWith(good);
    const says = (name: string) =>
      new Error(
        `dvsGesture: dir must hold the DVS128 Gesture files, got no ${join(dir, name)}; ` +
          "unpack DvsGesture.tar.gz there, or make a synthetic set with writeSyntheticGestures",
      );
    await rm(join(dir, "user24_led.aedat"));
    await expect(dvsGesture(dir).samples("test")).rejects.toThrow(says("user24_led.aedat"));
    await rm(join(dir, "user01_led_labels.csv"));
    await expect(dvsGesture(dir).samples("train")).rejects.toThrow(says("user01_led_labels.csv"));
    await rm(join(dir, "trials_to_train.txt"));
    await expect(dvsGesture(dir).samples("train")).rejects.toThrow(says("trials_to_train.txt"));
    await rm(join(dir, "trials_to_test.txt"));
    await expect(dvsGesture(dir).samples("test")).rejects.toThrow(
      says(`trials_to_train.txt, ${join(dir, "trials_to_test.txt")}`),
    );
  });

  it("does not leave its folder for what a list names", async () => {
    const dir = join(await temporaryFolder(), "in");
    await mkdir(dir);
    await writeFile(join(dir, "trials_to_test.txt"), "\n../user01_led.aedat\n");
    await expect(dvsGesture(dir).samples("test")).rejects.toThrow(
      formatError(
        `dvsGesture: ${join(dir, "trials_to_test.txt")} must name one recording "<trial>.aedat" a line, got "../user01_led.aedat" at line 2`,
      ),
    );
  });

  it("refuses another way to treat labels", () => {
    const labelProblems = "ignore" as "warn";
    expect(() => dvsGesture("anywhere", { labelProblems })).toThrow(
      new TypeError('dvsGesture: labelProblems must be "error" or "warn", got "ignore"'),
    );
  });

  it("survives label files of any text", async () => {
    const dir = await folderWith("");
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom("1", "9", "0", ",", "\n", "-", "a", " ") }), async (text) => {
        await writeFile(join(dir, "user01_led_labels.csv"), `class\n${text}`);
        await dvsGesture(dir)
          .samples("train")
          .catch((error: Error) => expect(error.name).toBe("FileFormatError"));
      }),
    );
  });
});

describeSampleData("aedat31-synthetic-vectors/test/test_files", (folder) => {
  /** The vectors' own lists have other names. */
  const linked = async (): Promise<string> => {
    const dir = await temporaryFolder();
    await cp(folder, dir, { recursive: true });
    await cp(join(folder, "train_events_test.txt"), join(dir, "trials_to_train.txt"));
    await cp(join(folder, "test_events_test.txt"), join(dir, "trials_to_test.txt"));
    return dir;
  };

  it("reads the vectors' labels; those that fall between two events need labelProblems", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const gestures = dvsGesture(await linked(), { labelProblems: "warn" });
    const counts: Record<string, number> = {};
    for (const split of ["train", "test"] as const) {
      for (const sample of await gestures.samples(split)) {
        counts[sample.name] = (await gestures.events(sample)).t.length;
      }
    }
    // Worked by hand: several of the labels start or end on an event's very microsecond.
    expect(counts).toEqual({
      "0/aedat1_for_testing_0": 3,
      "4/aedat1_for_testing_0": 3,
      "10/aedat1_for_testing_0": 0,
      "1/aedat2_led_0": 1,
      "2/aedat2_led_0": 1,
      "7/aedat2_led_0": 3,
      "6/aedat2_led_0": 3,
      "3/aedat3_fluorescent_0": 0,
      "5/aedat3_fluorescent_0": 3,
    });
    expect(warn).toHaveBeenCalledTimes(2);
  });
});

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  dvsGesture,
  type Events,
  gestureClasses,
  type SyntheticGestureOptions,
  writeSyntheticGestures,
} from "@sew/datasets";
import { describeEventDataset } from "@sew/datasets/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support.js";

const small: SyntheticGestureOptions = { trainSubjects: 1, testSubjects: 1, lightsPerSubject: 1, gestureSeconds: 0.2 };

/** Every file of a folder with its bytes in hexadecimal. */
async function contents(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), "hex")])),
  );
}

async function written(options: SyntheticGestureOptions = small): Promise<string> {
  const dir = join(await temporaryFolder(), "gestures");
  await writeSyntheticGestures(dir, options);
  return dir;
}

describeEventDataset("synthetic gestures", async () => dvsGesture(await written()));

describe("writeSyntheticGestures", () => {
  it("writes the files of DVS128 Gesture, and says everywhere that they are synthetic", async () => {
    const dir = await written({ ...small, lightsPerSubject: 2 });
    expect((await readdir(dir)).sort()).toEqual([
      "README.txt",
      "gesture_mapping.csv",
      "synthetic.json",
      "trials_to_test.txt",
      "trials_to_train.txt",
      "user01_led.aedat",
      "user01_led_labels.csv",
      "user01_natural.aedat",
      "user01_natural_labels.csv",
      "user02_led.aedat",
      "user02_led_labels.csv",
      "user02_natural.aedat",
      "user02_natural_labels.csv",
    ]);
    expect(await readFile(join(dir, "README.txt"), "utf8")).toMatch(/^SYNTHETIC\./);
    expect((await readFile(join(dir, "user01_led.aedat"))).subarray(0, 200).toString()).toContain("synthetic DVS128");
    expect((await readFile(join(dir, "gesture_mapping.csv"), "utf8")).split("\n").slice(0, 3)).toEqual([
      "action,label",
      "hand_clapping,1",
      "right_hand_wave,2",
    ]);
    expect(await readFile(join(dir, "trials_to_test.txt"), "utf8")).toBe("user02_led.aedat\nuser02_natural.aedat\n");
    const gestures = dvsGesture(dir);
    expect(gestures.name).toBe("synthetic-gestures");
    expect((await gestures.samples("train")).map(({ label }) => label)).toEqual([
      ...gestureClasses.keys(),
      ...gestureClasses.keys(),
    ]);
  });

  it("gives the same bytes for the same options, whatever the number of workers, and others for another seed", async () => {
    const [one, two, other] = await Promise.all(
      [{ workers: 1 }, { workers: 2 }, { seed: 1 }].map(async (more) => contents(await written({ ...small, ...more }))),
    );
    expect(two).toEqual(one);
    expect(other!["user01_led.aedat"]).not.toBe(one!["user01_led.aedat"]);
  });

  it("leaves a complete set alone, replaces one of other options or that lacks a file, and reports progress", async () => {
    const dir = await written();
    const file = join(dir, "user01_led.aedat");
    const { mtimeMs, size } = await stat(file);
    const progress: number[][] = [];
    const onProgress = (done: number, total: number) => progress.push([done, total]);

    await writeSyntheticGestures(dir, { ...small, onProgress });
    expect([(await stat(file)).mtimeMs, progress]).toEqual([mtimeMs, []]);

    await rm(file);
    await writeSyntheticGestures(dir, { ...small, onProgress });
    expect([(await stat(file)).size, progress]).toEqual([
      size,
      [
        [1, 2],
        [2, 2],
      ],
    ]);

    await writeSyntheticGestures(dir, { ...small, trainSubjects: 2 });
    expect((await dvsGesture(dir).samples("train")).length).toBe(22);
    expect(await readdir(join(dir, ".."))).toEqual(["gestures"]);
  });

  it("names a path that is no folder", async () => {
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "");
    await expect(writeSyntheticGestures(file, small)).rejects.toThrow(
      new Error(`writeSyntheticGestures: dir must be a folder, got '${file}', which is none; choose another folder`),
    );
  });

  it("does not touch a folder that holds anything else", async () => {
    const dir = await temporaryFolder();
    const refusal = (what: string) =>
      new Error(
        "writeSyntheticGestures: dir must be empty, missing, or a set as this function wrote it, " +
          `got ${dir} with ${what}; choose another folder, or delete this one`,
      );
    await writeFile(join(dir, "thesis.tex"), "");
    await expect(writeSyntheticGestures(dir, small)).rejects.toThrow(refusal("thesis.tex"));
    await rm(join(dir, "thesis.tex"));
    await writeSyntheticGestures(dir, small);
    await mkdir(join(dir, "notes"));
    await writeSyntheticGestures(dir, small);
    await expect(writeSyntheticGestures(dir, { ...small, seed: 1 })).rejects.toThrow(refusal("notes"));
    await rm(join(dir, "notes"), { recursive: true });
    await writeFile(join(dir, "synthetic.json"), "{}");
    await expect(writeSyntheticGestures(dir, small)).rejects.toThrow(refusal("README.txt"));
  });

  it("does not replace a file that changed since it was written, of the same length or another", async () => {
    const dir = await written();
    const recording = join(dir, "user01_led.aedat");
    const refusal =
      "writeSyntheticGestures: dir must be empty, missing, or a set as this function wrote it, " +
      `got ${dir} with another user01_led.aedat; choose another folder, or delete this one`;
    const bytes = await readFile(recording);
    await truncate(recording, 100);
    await expect(writeSyntheticGestures(dir, small)).rejects.toThrow(refusal);
    bytes[500]! ^= 1;
    await writeFile(recording, bytes);
    await expect(writeSyntheticGestures(dir, small)).rejects.toThrow(refusal);
    await expect(writeSyntheticGestures(dir, { ...small, seed: 1 })).rejects.toThrow(refusal);
    await rm(recording);
    await mkdir(recording);
    await expect(writeSyntheticGestures(dir, { ...small, seed: 1 })).rejects.toThrow(refusal);
    expect(await readdir(join(dir, ".."))).toEqual(["gestures"]);
  });

  it("does not believe a marker that names other files than it writes", async () => {
    const dir = await written();
    await writeFile(join(dir, "thesis.tex"), "text");
    const marker = JSON.parse(await readFile(join(dir, "synthetic.json"), "utf8"));
    const sha256 = createHash("sha256").update("text").digest("hex");
    marker.files.push({ name: "thesis.tex", bytes: 4, sha256 });
    await writeFile(join(dir, "synthetic.json"), JSON.stringify(marker));
    await expect(writeSyntheticGestures(dir, { ...small, seed: 1 })).rejects.toThrow("choose another folder");
    expect(await readFile(join(dir, "thesis.tex"), "utf8")).toBe("text");
  });

  it.each([
    [{ seed: 0.5 }, "seed must be an integer, got 0.5"],
    [{ trainSubjects: 0 }, "trainSubjects must be an integer in 1..1000, got 0"],
    [{ testSubjects: 1.5 }, "testSubjects must be an integer in 1..1000, got 1.5"],
    [{ lightsPerSubject: 5 }, "lightsPerSubject must be an integer in 1..4, got 5"],
    [{ workers: 0 }, "workers must be an integer in 1..1000, got 0"],
    [{ gestureSeconds: 0 }, "gestureSeconds must be in 0.1..60, got 0"],
    [{ gestureSeconds: Number.NaN }, "gestureSeconds must be in 0.1..60, got NaN"],
  ])("refuses %j", (wrong, says) =>
    expect(writeSyntheticGestures("nowhere", wrong)).rejects.toThrow(new RangeError(`writeSyntheticGestures: ${says}`)),
  );

  describe("its gestures", () => {
    let byLabel: Map<number, Events>;
    beforeAll(async () => {
      const gestures = dvsGesture(await written({ ...small, gestureSeconds: 3 }));
      const samples = await gestures.samples("train");
      const events = await Promise.all(samples.map((sample) => gestures.events(sample)));
      byLabel = new Map(samples.map(({ label }, i) => [label, events[i]!]));
    });

    const mean = (values: Iterable<number>): number => {
      const all = [...values];
      return all.reduce((a, b) => a + b, 0) / all.length;
    };

    it("have some ten thousand events a second, of both polarities", () => {
      for (const { t, p } of byLabel.values()) {
        expect(t.length).toBeGreaterThan(3000);
        expect(t.length).toBeLessThan(200_000);
        expect(mean(p)).toBeGreaterThan(0.35);
        expect(mean(p)).toBeLessThan(0.65);
      }
    });

    it.each([
      [1, 2, "wave"],
      [3, 5, "arm clockwise"],
      [4, 6, "arm counter-clockwise"],
    ])("show the right hand on the left of the picture (%d, %d: %s)", (right, left) => {
      expect(mean(byLabel.get(right)!.x)).toBeLessThan(55);
      expect(mean(byLabel.get(left)!.x)).toBeGreaterThan(73);
    });

    it.each([
      [3, 1],
      [4, -1],
      [5, 1],
      [6, -1],
    ])("turn as their names say (label %d)", (label, sign) => {
      // Twice the area that the centre of the events goes round, in slices of 20 ms; positive is clockwise, as y is down.
      const { t, x, y } = byLabel.get(label)!;
      const centres = new Map<number, { x: number; y: number; n: number }>();
      t.forEach((time, i) => {
        const slice = Math.floor(time / 20_000);
        const centre = centres.get(slice) ?? { x: 0, y: 0, n: 0 };
        centres.set(slice, { x: centre.x + x[i]!, y: centre.y + y[i]!, n: centre.n + 1 });
      });
      const path = [...centres.values()].map((c) => ({ x: c.x / c.n, y: c.y / c.n }));
      const area = path.slice(1).reduce((sum, b, i) => sum + path[i]!.x * b.y - path[i]!.y * b.x, 0);
      const closing = path.at(-1)!.x * path[0]!.y - path.at(-1)!.y * path[0]!.x;
      expect(sign * (area + closing)).toBeGreaterThan(300);
    });
  });
});

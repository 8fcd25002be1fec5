/** @file Frames of SpikingJelly and Tonic, made by their own code; `fixtures/integration.json` says which versions. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { integrate, readAedat2, readAtis, type Slicing } from "@sew/datasets";
import { describe, expect, it } from "vitest";
import { describeSampleData } from "./support.js";

interface Rule {
  readonly options: Slicing;
}
interface Fixture {
  readonly small: readonly {
    readonly t: readonly number[];
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly p: readonly number[];
    readonly height: number;
    readonly width: number;
    readonly rules: readonly (Rule & { readonly shape: readonly number[]; readonly frames: readonly number[] })[];
  }[];
  readonly files: readonly {
    readonly file: string;
    readonly events: number;
    readonly rules: readonly (Rule & { readonly frames: number; readonly crc32: number })[];
  }[];
}

const { small, files }: Fixture = JSON.parse(
  readFileSync(new URL("./fixtures/integration.json", import.meta.url), "utf8"),
);

describe("integrate, beside SpikingJelly and, with the remainder dropped, Tonic", () => {
  for (const { t, x, y, p, height, width, rules } of small) {
    const events = { t: Float64Array.from(t), x: Uint16Array.from(x), y: Uint16Array.from(y), p: Uint8Array.from(p) };
    it.each(rules)(`gives their frames of ${t.length} events, cut by $options`, ({ options, shape, frames }) => {
      const counts = integrate(events, { ...options, height, width });
      expect([counts.length / (height * width * 2), ...counts]).toEqual([shape[0], ...frames]);
    });
  }

  describeSampleData("", (folder) => {
    it.each(files)("gives their frames of $file", async ({ file, events: count, rules }) => {
      // Both readers of the peer: AEDAT 2.0 as of CIFAR10-DVS, whose rows are columns here, and 40-bit events.
      const read = file.endsWith(".aedat") ? await readAedat2(join(folder, file)) : await readAtis(join(folder, file));
      const events = file.endsWith(".aedat") ? { ...read, x: read.y, y: read.x } : read;
      expect(events.t.length).toBe(count);
      for (const { options, frames, crc32: expected } of rules) {
        const counts = integrate(events, { ...options, height: 128, width: 128 });
        expect([options, counts.length]).toEqual([options, frames * 128 * 128 * 2]);
        expect([options, crc32(new Uint8Array(counts.buffer))]).toEqual([options, expected]);
      }
    });
  });
});

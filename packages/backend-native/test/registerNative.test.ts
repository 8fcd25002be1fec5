import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { inChild } from "./inChild.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What lines say, and all warnings at the end. */
const withWarnings = (lines: string) =>
  inChild(
    root,
    `import * as tf from "@tensorflow/tfjs-core";
     const warnings = [];
     console.warn = (...words) => warnings.push(words.join(" "));
     const twoAndTwo = async () => { await tf.setBackend("native"); return [...tf.add(tf.tensor1d([2]), 2).dataSync()]; };
     ${lines}
     say(warnings);`,
  );

describeNative("registerNative", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sew-native-"));
    for (const part of ["dist", "build", "package.json"])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("does nothing the second time", () =>
    expect(withWarnings("native.registerNative(); native.registerNative(); say(await twoAndTwo());")).toEqual([
      [4],
      [],
    ]));

  it("registers the backend again after it was removed, without a warning", () =>
    expect(
      withWarnings(`
        native.registerNative();
        await tf.setBackend("native");
        tf.removeBackend("native");
        native.registerNative();
        say(await twoAndTwo());`),
    ).toEqual([[4], []]));

  it("leaves the backend of another copy of the package in place, with one warning", () =>
    expect(
      withWarnings(`
        const other = await import(${JSON.stringify(pathToFileURL(join(folder, "dist/index.js")).href)});
        other.registerNative();
        native.registerNative();
        native.registerNative();
        await tf.setBackend("native");
        say([tf.backend() instanceof other.NativeBackend, await twoAndTwo()]);`),
    ).toEqual([
      [true, [4]],
      [
        "@sew/backend-native: another copy of this package has registered the backend native, and the settings of this " +
          "one have no effect. Install one version of it: npm dedupe, or pnpm dedupe.",
      ],
    ]));
});

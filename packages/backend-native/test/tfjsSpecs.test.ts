import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";

describeNative("TensorFlow.js's own specs", () => {
  it("pass, except those that exceptions.mjs lists", () => {
    const program = fileURLToPath(new URL("tfjsSpecs/run.mjs", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
      encoding: "utf8",
      env: { ...process.env, SEW_PRECISION: "float32" },
    });
    const totals = stdout.trimEnd().split("\n").at(-1)!;
    console.info(totals);
    expect([status, stderr], stdout).toEqual([0, ""]);
    // Fewer would mean that a file of them was not found.
    expect(Number(/(\d+) passed/.exec(totals)?.[1])).toBeGreaterThan(4200);
  });
});

/** @file What every block refuses at once: each size by its name, with the value. */
import { type BlockFactory, blocks } from "@sew/blocks";
import { shown } from "@sew/kernels";
import { neurons } from "@sew/layers";
import { lif } from "@sew/neurons";
import { memory } from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";

const noSizes: readonly unknown[] = [Number.NaN, Infinity, 0, -4, 1.5, null, "4", "\u001b[2J", true, []];

describe.each(Object.entries<BlockFactory>(blocks))("%s", (_, make) => {
  const options = { channels: 4, neurons: neurons(lif) };

  it.each(
    ["channels", "outChannels", "stride"].flatMap((name) =>
      ["basic", "bottleneck"].flatMap((path) => noSizes.map((value) => ({ name, path, value }))),
    ),
  )("refuses $name = $value in a $path path", ({ name, path, value }) => {
    const before = memory().numTensors;
    expect(() => make({ ...options, path: path as "basic", [name]: value })).toThrow(
      new RangeError(`block: ${name} must be an integer of at least 1, got ${shown(value)}`),
    );
    expect(memory().numTensors).toBe(before);
  });

  it.each(["dense", "\u001b", null])("refuses the path %o", (path) => {
    expect(() => make({ ...options, path: path as "basic" })).toThrow(
      new RangeError(`block: path must be "basic" or "bottleneck", got ${shown(path)}`),
    );
  });
});

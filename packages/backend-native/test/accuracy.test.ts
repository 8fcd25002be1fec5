import { instructionSet, instructionSets, setInstructionSet } from "@sew/backend-native";
import { afterEach, expect, it } from "vitest";
import { has, layers, measure, products } from "./accuracy.mjs";
import { describeNative } from "./describeNative.js";

const cases = layers.flatMap((layer) =>
  Object.entries(products)
    .filter(([, kind]) => has(layer, kind))
    .map(([product, kind]) => ({ layer, name: layer.name, product, kind })),
);

describeNative("convolutions against float64", () => {
  const best = instructionSet();
  afterEach(() => setInstructionSet(best));

  it.each(cases)("are as accurate in $product, $name, as docs/numerics.md says, on every instruction set", (c) => {
    for (const set of instructionSets()) {
      setInstructionSet(set);
      const { "multiply-adds": fused, ...errors } = measure(c.layer, c.kind);
      for (const [path, error] of Object.entries(errors)) {
        // Winograd's transforms add some roundings; bfloat16 has 8 bits, both of whose operands may be rounded.
        const bound = path.endsWith("bf16") ? 2 ** -7 : (path.startsWith("matrix") ? 1 : 2) * fused!;
        expect(error, `${path} on ${set}`).toBeLessThanOrEqual(bound);
      }
    }
  });
});

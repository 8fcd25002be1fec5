import { read, scoped } from "@sew/kernels/testing";
import { conv2d, convNormNeuron, dropout, linear, type Module, namedParameters, neurons, seeded } from "@sew/layers";
import { lif } from "@sew/neurons";
import { random } from "@sew/random";
import { ones } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

/** What chance decided in a layer: its initial weights, or the mask of a pass. */
function drawn(layer: Module): number[] {
  const parameters = [...namedParameters(layer).values()];
  if (parameters.length > 0) return parameters.flatMap((parameter) => read(parameter));
  return read(layer.forward(ones([1, 1, 64]), { training: true, seed: 5 }));
}

const layers: Readonly<Record<string, () => Module>> = {
  linear: () => linear(3, 4),
  conv2d: () => conv2d(2, 3),
  convNormNeuron: () => convNormNeuron(2, 3, neurons(lif)),
  dropout: () => dropout(0.5),
};
const makes = fc.constantFrom(...Object.values(layers));
const seeds = fc.maxSafeInteger();

describe.each(Object.entries(layers))("%s made without random", (_, make) => {
  it("is no copy of another one", () => scoped(() => expect(drawn(make())).not.toEqual(drawn(make()))));

  it("is no copy of another one under a seed", () =>
    fc.assert(
      fc.property(seeds, (seed) =>
        scoped(() => {
          const [a, b] = seeded(seed, () => [make(), make()] as const);
          expect(drawn(a)).not.toEqual(drawn(b));
        }),
      ),
    ));

  it("is the same under the same seed, whatever was made before", () =>
    fc.assert(
      fc.property(seeds, fc.array(makes), (seed, before) =>
        scoped(() => {
          const first = drawn(seeded(seed, make));
          for (const other of before) other();
          expect(drawn(seeded(seed, make))).toEqual(first);
        }),
      ),
    ));

  it("differs between seeds", () => scoped(() => expect(drawn(seeded(1, make))).not.toEqual(drawn(seeded(2, make)))));

  it("is the n-th of its scope, and layers with random of their own do not count", () =>
    fc.assert(
      fc.property(seeds, fc.array(makes, { maxLength: 4 }), (seed, before) =>
        scoped(() => {
          const nth = seeded(seed, () => {
            for (const other of before) other();
            linear(2, 2, { random: random(1) });
            return make();
          });
          const streams = before.length;
          const alone = seeded(seed, () => {
            for (let i = 0; i < streams; i++) dropout(0.5);
            return make();
          });
          expect(drawn(nth)).toEqual(drawn(alone));
        }),
      ),
    ));
});

describe("seeded", () => {
  it("nests: the outer scope goes on where it was", () =>
    scoped(() => {
      const plain = seeded(3, () => [linear(2, 2), linear(2, 2)] as const);
      const nested = seeded(3, () => {
        const first = linear(2, 2);
        seeded(9, () => linear(2, 2));
        return [first, linear(2, 2)] as const;
      });
      expect(nested.map(drawn)).toEqual(plain.map(drawn));
    }));

  it("leaves its scope when make throws", () =>
    scoped(() => {
      const last = seeded(3, () => {
        try {
          seeded(9, () => {
            throw new Error("stop");
          });
        } catch {}
        return linear(2, 2);
      });
      expect(drawn(last)).toEqual(drawn(seeded(3, () => linear(2, 2))));
    }));

  it.each([0.5, Number.NaN, 2 ** 53, "1" as unknown as number])("refuses the seed %s", (seed) =>
    expect(() => seeded(seed, () => 1)).toThrow(
      new RangeError(`seeded: seed must be an integer, got ${typeof seed === "string" ? '"1"' : seed}`),
    ),
  );

  it("refuses a promise, whose layers would be outside", async () => {
    await expect(async () => seeded(1, async () => 1)).rejects.toThrow(
      new TypeError("seeded: make must return what it made, got a promise; make the layers without await"),
    );
  });
});

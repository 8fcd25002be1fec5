import { add, and, iand } from "@sew/blocks";
import { describeBackends, expectClose, floatsOf, read, scoped, spikesOf } from "@sew/kernels/testing";
import { grads, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";

const pairs = fc.integer({ min: 1, max: 12 }).chain((n) => fc.tuple(spikesOf(n), spikesOf(n)));
const [a, s] = [
  [0, 1, 0, 1],
  [0, 0, 1, 1],
];

describeBackends("the connect functions (Table 1)", () => {
  it.each([
    { name: "ADD", g: add, table: [0, 1, 1, 2] },
    { name: "AND", g: and, table: [0, 0, 0, 1] },
    { name: "IAND", g: iand, table: [0, 0, 1, 0] },
  ])("$name of A = 0 1 0 1 and S = 0 0 1 1 is $table", ({ g, table }) =>
    scoped(() => expect(read(g(tensor1d(a), tensor1d(s)))).toEqual(table)),
  );

  it.each([
    { name: "ADD", g: add, silent: 0 },
    { name: "IAND", g: iand, silent: 0 },
    { name: "AND", g: and, silent: 1 },
  ])("$name is the identity in S where A is $silent", ({ g, silent }) =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((n) => floatsOf(n)),
        (values) =>
          scoped(() => {
            const x = tensor1d(values);
            expectClose(g(tensor1d(values.map(() => silent)), x), x, { relative: 0, absolute: 0 });
          }),
      ),
    ),
  );

  it("AND and IAND part S between them: their sum is S", () =>
    fc.assert(
      fc.property(pairs, ([as, ss]) =>
        scoped(() => {
          const [x, y] = [tensor1d(as), tensor1d(ss)];
          expect(read(add(and(x, y), iand(x, y)))).toEqual(ss);
        }),
      ),
    ));

  it.each([
    { name: "AND", g: and },
    { name: "IAND", g: iand },
  ])("$name stays binary", ({ g }) =>
    fc.assert(
      fc.property(pairs, ([as, ss]) =>
        scoped(() => {
          for (const o of read(g(tensor1d(as), tensor1d(ss)))) expect([0, 1]).toContain(o);
        }),
      ),
    ),
  );

  it.each([
    { name: "ADD", g: add, da: (_x: number, _y: number) => 1, ds: (_x: number) => 1 },
    { name: "AND", g: and, da: (_x: number, y: number) => y, ds: (x: number) => x },
    { name: "IAND", g: iand, da: (_x: number, y: number) => -y, ds: (x: number) => 1 - x },
  ])("$name has its derivatives in A and in S", ({ g, da, ds }) =>
    fc.assert(
      fc.property(pairs, ([as, ss]) =>
        scoped(() => {
          const [dA, dS] = grads((x: Tensor, y: Tensor) => g(x, y))([tensor1d(as), tensor1d(ss)]);
          expectClose(
            dA!,
            as.map((x, i) => da(x, ss[i]!)),
          );
          expectClose(
            dS!,
            as.map((x) => ds(x)),
          );
        }),
      ),
    ),
  );
});

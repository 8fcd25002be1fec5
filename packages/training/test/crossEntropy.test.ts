import { expectClose, float32, scoped } from "@sew/kernels/testing";
import { crossEntropy, crossEntropyPerStep } from "@sew/training";
import { grad, memory, type Tensor3D, tensor1d, tensor3d } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Problem {
  readonly shape: [number, number, number];
  readonly logits: number[];
  readonly labels: number[];
}

const problems: fc.Arbitrary<Problem> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2, max: 6 }))
  .chain(([t, n, classes]) =>
    fc.record({
      shape: fc.constant<[number, number, number]>([t, n, classes]),
      logits: fc.array(float32(-20, 20), { minLength: t * n * classes, maxLength: t * n * classes }),
      labels: fc.array(fc.nat(classes - 1), { minLength: n, maxLength: n }),
    }),
  );

/** Loss and gradient in double precision, from the definition. */
function reference({ shape: [t, n, classes], logits, labels }: Problem): { loss: number; gradient: number[] } {
  let loss = 0;
  const perScore: number[] = [];
  for (let i = 0; i < n; i++) {
    const z = Array.from({ length: classes }, (_, c) => {
      let sum = 0;
      for (let s = 0; s < t; s++) sum += logits[(s * n + i) * classes + c]!;
      return sum / t;
    });
    const top = Math.max(...z);
    const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0);
    loss -= (z[labels[i]!]! - top - Math.log(total)) / n;
    for (const [c, value] of z.entries()) {
      perScore.push((Math.exp(value - top) / total - (c === labels[i] ? 1 : 0)) / (n * t));
    }
  }
  return { loss, gradient: Array.from({ length: t }, () => perScore).flat() };
}

describe("crossEntropy", () => {
  it("is the mean over N of −log softmax of the mean over T, with its gradient", () =>
    fc.assert(
      fc.property(problems, (problem) =>
        scoped(() => {
          const labels = tensor1d(problem.labels, "int32");
          const logits = tensor3d(problem.logits, problem.shape);
          const { loss, gradient } = reference(problem);
          expectClose(crossEntropy(logits, labels), [loss]);
          expectClose(grad((x) => crossEntropy(x as Tensor3D, labels))(logits), gradient);
        }),
      ),
    ));

  it.each([
    { logits: [0, 0], label: 0, loss: Math.log(2), why: "of equal scores is log 2" },
    { logits: [1e4, -1e4], label: 0, loss: 0, why: "of a sure and right answer is 0" },
    { logits: [1e4, -1e4], label: 1, loss: 2e4, why: "of a sure and wrong answer is the distance, without overflow" },
  ])("$why", ({ logits, label, loss }) =>
    scoped(() => expectClose(crossEntropy(tensor3d(logits, [1, 1, 2]), tensor1d([label], "int32")), [loss])),
  );

  it("with label smoothing has the target (1 − ε)·onehot + ε / classes, ε = 0 being none", () =>
    fc.assert(
      fc.property(problems, fc.double({ min: 0, max: 0.9, noNaN: true }), (problem, labelSmoothing) =>
        scoped(() => {
          const labels = tensor1d(problem.labels, "int32");
          const logits = tensor3d(problem.logits, problem.shape);
          const classes = problem.shape[2];
          let uniform = 0;
          for (let label = 0; label < classes; label++) {
            uniform += reference({ ...problem, labels: problem.labels.map(() => label) }).loss / classes;
          }
          const expected = (1 - labelSmoothing) * reference(problem).loss + labelSmoothing * uniform;
          expectClose(crossEntropy(logits, labels, { labelSmoothing }), [expected]);
          const [none, plain] = [crossEntropy(logits, labels, { labelSmoothing: 0 }), crossEntropy(logits, labels)];
          expect(none.dataSync()).toEqual(plain.dataSync());
        }),
      ),
    ));

  it("leaves nothing but its result", () =>
    scoped(() => {
      const [logits, labels] = [tensor3d([0, 0], [1, 1, 2]), tensor1d([0], "int32")];
      const before = memory().numTensors;
      crossEntropy(logits, labels);
      expect(memory().numTensors - before).toBe(1);
    }));

  it("refuses labels that are not int32, and shapes that do not fit", () =>
    scoped(() => {
      const logits = tensor3d([0, 0, 0, 0], [1, 2, 2]);
      expect(() => crossEntropy(logits, tensor1d([0, 1]))).toThrow(
        new TypeError("crossEntropy: labels must be int32, got float32"),
      );
      expect(() => crossEntropy(logits, tensor1d([0], "int32"))).toThrow(
        new RangeError("crossEntropy: logits and labels must be [T, N, classes] and [N], got [1,2,2] and [1]"),
      );
      expect(() => crossEntropy(tensor3d([0], [1, 1, 1]), tensor1d([0], "int32"))).toThrow(
        new RangeError("crossEntropy: logits must have at least 2 classes, got 1 in [1,1,1]"),
      );
      expect(() => crossEntropy(logits, tensor1d([0, 1], "int32"), { labelSmoothing: 1 })).toThrow(
        new RangeError("crossEntropy: labelSmoothing must be at least 0 and below 1, got 1"),
      );
    }));
});

describe("crossEntropyPerStep", () => {
  it("is the mean of the cross-entropies of the steps, and at least that of their mean", () =>
    fc.assert(
      fc.property(problems, (problem) =>
        scoped(() => {
          const [steps, batch, classes] = problem.shape;
          const labels = tensor1d(problem.labels, "int32");
          const logits = tensor3d(problem.logits, problem.shape);
          let expected = 0;
          for (let t = 0; t < steps; t++) {
            const own = problem.logits.slice(t * batch * classes, (t + 1) * batch * classes);
            expected += reference({ ...problem, shape: [1, batch, classes], logits: own }).loss / steps;
          }
          const loss = crossEntropyPerStep(logits, labels);
          expectClose(loss, [expected]);
          expect(crossEntropy(logits, labels).dataSync()[0]).toBeLessThanOrEqual(loss.dataSync()[0]! * 1.0001 + 1e-5);
        }),
      ),
    ));

  it("refuses what crossEntropy refuses, under its own name", () =>
    scoped(() =>
      expect(() => crossEntropyPerStep(tensor3d([0, 0], [1, 1, 2]), tensor1d([0]))).toThrow(
        new TypeError("crossEntropyPerStep: labels must be int32, got float32"),
      ),
    ));
});

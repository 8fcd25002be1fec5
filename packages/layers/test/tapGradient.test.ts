import { describeBackends, read, scoped } from "@sew/kernels/testing";
import { backwardToTaps, conv2d, disposeModule, freeAfterUse, linear, recomputed, run, tapGradient } from "@sew/layers";
import {
  add,
  dispose,
  engine,
  memory,
  mul,
  ones,
  profile,
  type Scalar,
  scalar,
  square,
  sum,
  type Tensor,
  tensor1d,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

/** Taps a tensor, and gives what it saw later. */
function watch(x: Tensor, seen: Record<string, number[]>, name: string): boolean {
  return tapGradient(x, (gradient) => {
    seen[name] = read(gradient);
  });
}

describeBackends("tapGradient", () => {
  it("shows the whole gradient of a tensor that several operations read, and changes none", () =>
    scoped(() => {
      const w = variable(tensor1d([1, 2]));
      const seen: Record<string, number[]> = {};
      const f = (tapped: boolean) => () => {
        const y = mul(w, 3);
        if (tapped) expect(watch(y, seen, "y")).toBe(true);
        return sum(add(square(y), mul(y, 5))) as Scalar;
      };
      for (const wrap of [(g: () => Scalar) => g, freeAfterUse<Scalar>]) {
        const { grads } = variableGrads(wrap(f(true)), [w]);
        // ∂/∂y (y² + 5 y) = 2 y + 5
        expect(seen.y).toEqual([11, 17]);
        expect(read(grads[w.name]!)).toEqual(read(variableGrads(f(false), [w]).grads[w.name]!));
      }
      w.dispose();
    }));

  it("shows it to each that asks", () =>
    scoped(() => {
      const seen: Record<string, number[]> = {};
      backwardToTaps(() => {
        const y = mul(tensor1d([1, 2]), 3);
        watch(y, seen, "a");
        watch(y, seen, "b");
        const z = square(y);
        watch(z, seen, "z");
        return sum(z);
      });
      expect(seen).toEqual({ a: [6, 12], b: [6, 12], z: [1, 1] });
    }));

  it("finds no tensor that no recorded operation made", () =>
    scoped(() => {
      const seen: Record<string, number[]> = {};
      const x = tensor1d([1]);
      expect(watch(mul(x, 2), seen, "unrecorded")).toBe(false);
      backwardToTaps(() => {
        expect(watch(x, seen, "input")).toBe(false);
        return sum(square(x));
      });
      expect(seen).toEqual({});
    }));

  it("shows nothing where no gradient comes", () =>
    scoped(() => {
      const seen: Record<string, number[]> = {};
      backwardToTaps(() => {
        const y = mul(tensor1d([1]), 2);
        watch(mul(y, 3), seen, "aside");
        watch(y, seen, "y");
        return sum(square(y));
      });
      expect(seen).toEqual({ y: [4] });
    }));

  it("shows the gradients of parts that recompute, at their ends", () =>
    scoped(() => {
      const [a, b] = [linear(2, 2), linear(2, 2)];
      const gradients = (again: boolean) => {
        const seen: Record<string, number[]> = {};
        const module = again ? recomputed(a) : a;
        backwardToTaps(() => {
          const y = run(module, ones([1, 1, 2]), { training: true });
          watch(y, seen, "y");
          return sum(square(run(b, y, { training: true })));
        });
        return seen;
      };
      expect(gradients(true)).toEqual(gradients(false));
      disposeModule(a);
      disposeModule(b);
    }));
});

describeBackends("backwardToTaps", () => {
  it("computes no gradient of parameters, nor before its first taps", async () => {
    const [a, b] = [conv2d(1, 1), conv2d(1, 1)];
    const x = ones([1, 1, 3, 3, 1]);
    const { kernels } = await profile(() => {
      backwardToTaps(() => {
        const y = run(a, x, { training: true });
        tapGradient(y, () => {});
        return sum(square(run(b, y, { training: true })));
      });
      return scalar(0);
    });
    const names = kernels.map(({ name }) => name);
    expect(names.filter((name) => name === "Conv2DBackpropFilter")).toEqual([]);
    expect(names.filter((name) => name === "Conv2DBackpropInput")).toHaveLength(1);
    dispose(x);
    disposeModule(a);
    disposeModule(b);
  });

  it("leaves nothing behind, also after an error", () => {
    const x = tensor1d([1]);
    const before = memory().numTensors;
    const run = (f: (y: Tensor) => Scalar) =>
      backwardToTaps(() => {
        const y = mul(x, 2);
        tapGradient(y, () => {});
        return f(y);
      });
    run((y) => sum(square(y)));
    expect(() =>
      run(() => {
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(memory().numTensors).toBe(before);
    expect(engine().state.gradientDepth).toBe(0);
    x.dispose();
  });
});

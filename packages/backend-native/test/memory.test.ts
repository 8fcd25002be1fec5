import { NativeBackend, type NativeMemory } from "@sew/backend-native";
import { expectClose, read, scoped } from "@sew/kernels/testing";
import {
  add,
  argMax,
  backend,
  cast,
  clone,
  concat,
  type DataType,
  dispose,
  expandDims,
  gather,
  getKernel,
  memory,
  mul,
  oneHot,
  pad,
  relu,
  reshape,
  reverse,
  setBackend,
  slice,
  split,
  squeeze,
  stack,
  stridedSlice,
  sum,
  type Tensor,
  tensor,
  tensor1d,
  tensor2d,
  tidy,
  tile,
  transpose,
  unstack,
  variable,
  where,
  zeros,
} from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { describeNative } from "./describeNative.js";
import { runKernelOn } from "./kernelCase.js";
import { kernelCases } from "./kernelCases.js";

const native = () => memory() as unknown as NativeMemory & { numTensors: number; numDataBuffers: number };

/** A tensor that a native kernel made, so that its memory is the pool's. */
const pooled = (values: number[], shape: number[]) => tidy(() => add(tensor(values, shape), 0));

const count = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** Overwrites all memory that is free: takes tensors of the sizes that were given back, and keeps them for a while. */
function overwriteFreeMemory(): void {
  tidy(() => {
    for (const n of [1, 16, 17, 24, 32, 40, 64, 128]) for (let i = 0; i < 24; i++) add(zeros([n]), -777);
  });
}

describeNative("memory of the native backend", () => {
  it("is what it was after a kernel that failed half-way", () => {
    const own = backend() as NativeBackend;
    const [old] = own.output([8]);
    const before = native().liveBytes;
    const failing = () =>
      own.releasingOnError(() => {
        own.output([1000]);
        own.outputSpikes([1000], 1);
        // Of the same memory, which stays.
        own.outputOver(old);
        own.disposeData(own.output([100])[0].dataId);
        throw new RangeError("no memory");
      });
    expect(failing).toThrow(new RangeError("no memory"));
    expect([native().liveBytes, own.refCount(old.dataId)]).toEqual([before, 1]);
    own.releasingOnError(() => own.releasingOnError(() => own.output([1000])));
    expect(native().liveBytes).toBe(before + 4032);
    own.disposeData(old.dataId);
  });

  it("is what it was after a call that the addon refuses", () => {
    const x = pooled([1], [1, 1, 1, 1]);
    const before = native().liveBytes;
    // More padding than there are numbers for.
    const attrs = { strides: 1, pad: "same", dataFormat: "NHWC", dilations: [2 ** 22, 2 ** 22] };
    const call = { inputs: { x, filter: pooled([1, 1, 1, 1], [2, 2, 1, 1]) }, attrs, backend: backend() };
    const filter = native().liveBytes;
    expect(() => getKernel("Conv2D", "native").kernelFunc(call as never)).toThrow("a size is out of range");
    expect(native().liveBytes).toBe(filter);
    dispose([x, call.inputs.filter]);
    expect(native().liveBytes).toBeLessThan(before);
  });

  beforeAll(() => expect(backend()).toBeInstanceOf(NativeBackend));

  it("is reliable to TensorFlow.js, and says what is alive, kept and asked for", () => {
    const before = native();
    const x = pooled(count(100), [100]);
    expect(native()).toMatchObject({ unreliable: false, reasons: [], numTensors: before.numTensors + 1 });
    expect(native().liveBytes - before.liveBytes).toBe(448);
    x.dispose();
    expect(native().liveBytes).toBe(before.liveBytes);
    scoped(() => expect(read(sum(pooled(count(100), [100])))).toEqual([5050]));
    expect(native().scratchBytes).toBeGreaterThan(0);
  });

  it.each(kernelCases)(
    "keeps nothing of a call of $kernel, and of repeated ones asks no more memory",
    ({ kernel, calls }) => {
      const some = fc.sample(calls, { numRuns: 10, seed: 5 });
      const ids = (backend() as NativeBackend).numDataIds();
      const before = native().liveBytes;
      for (const call of some) {
        const round = () => {
          runKernelOn("native", kernel, call);
          return native().allocations;
        };
        const [first, ...later] = count(6).map(round);
        for (const allocations of later) expect(allocations).toBe(first);
      }
      expect((backend() as NativeBackend).numDataIds()).toBe(ids);
      expect(native().liveBytes).toBe(before);
    },
  );

  it("gives a copy of a tensor's values, which outlives it", async () => {
    const x = pooled(count(16), [16]);
    const [sync, async] = [x.dataSync(), await x.data()];
    x.dispose();
    overwriteFreeMemory();
    expect([...sync]).toEqual(count(16));
    expect([...async]).toEqual(count(16));
  });

  it("gives a copy of a tensor's values, which may be written to", () => {
    const x = pooled(count(16), [16]);
    x.dataSync().fill(0);
    x.bufferSync().set(0, 3);
    expect(read(x)).toEqual(count(16));
    x.dispose();
  });

  const views: Readonly<Record<string, (x: Tensor) => Tensor | Tensor[]>> = {
    slice: (x) => slice(x, [1], [2]),
    "slice of all": (x) => slice(x, [0], [-1]),
    split: (x) => split(x, 2),
    unstack: (x) => unstack(x),
    "strided slice": (x) => stridedSlice(x, [0, 0], [4, 4], [1, 2]),
    "strided slice of neighbours": (x) => stridedSlice(x, [1, 0], [3, 4], [1, 1]),
    reshape: (x) => reshape(x, [2, 8]),
    "expanding dimensions": (x) => expandDims(x),
    squeeze: (x) => squeeze(reshape(x, [1, 4, 1, 4])),
    clone: (x) => clone(x),
    cast: (x) => cast(x, "float32"),
    concat: (x) => concat([x, x]),
    "concat of one": (x) => concat([x]),
    stack: (x) => stack([x, x]),
    transpose: (x) => transpose(x),
    "transpose that changes nothing": (x) => transpose(x, [0, 1]),
    gather: (x) => gather(x, tensor1d([2, 1], "int32")),
    tile: (x) => tile(x, [1, 1]),
    reverse: (x) => reverse(x, 1),
    pad: (x) =>
      pad(x, [
        [0, 0],
        [0, 0],
      ]),
    where: (x) => where(tensor([1], [1, 1], "bool"), x, x),
    "adding nothing": (x) => add(x, 0),
    relu: (x) => relu(x),
  };

  it.each(Object.keys(views).map((op) => ({ op })))(
    "keeps the result of $op when its argument is disposed",
    ({ op }) => {
      const before = native();
      const kept = tidy(() => {
        const x = pooled(count(16), [4, 4]);
        const results = [views[op]!(x)].flat();
        return { results, expected: results.map((t) => tensor1d(read(t), "float32")) };
      });
      const expected = kept.expected.map(read);
      overwriteFreeMemory();
      expect(kept.results.map(read)).toEqual(expected);
      expect(expected.flat().every((v) => v >= 1 && v <= 16)).toBe(true);
      dispose(kept.results);
      dispose(kept.expected);
      expect(native()).toMatchObject({ numTensors: before.numTensors, liveBytes: before.liveBytes });
    },
  );

  it.each(Object.keys(views).map((op) => ({ op })))(
    "keeps the argument of $op when its result is disposed",
    ({ op }) => {
      const x = pooled(count(16), [4, 4]);
      tidy(() => [views[op]!(x)].flat().map((t) => add(t, 1))).map((t) => t.dispose());
      overwriteFreeMemory();
      expect(read(x)).toEqual(count(16));
      x.dispose();
    },
  );

  it("shares memory among clones and shapes of a tensor until the last is disposed", () => {
    const before = native().liveBytes;
    const x = pooled(count(16), [16]);
    const alive = native().liveBytes;
    const twin = clone(x);
    const others = [twin, reshape(x, [4, 4]), reshape(twin, [2, 8])];
    expect(native().liveBytes).toBe(alive);
    for (const t of [x, ...others.slice(0, -1)]) {
      t.dispose();
      overwriteFreeMemory();
      expect(read(others.at(-1)!)).toEqual(count(16));
    }
    others.at(-1)!.dispose();
    expect(native().liveBytes).toBe(before);
  });

  it("never recycles an array of the user", () => {
    const mine = Float32Array.from(count(16));
    tensor1d(mine).dispose();
    overwriteFreeMemory();
    expect([...mine]).toEqual(count(16));
    const x = tensor1d(mine);
    const y = add(x, 1);
    dispose([x, y]);
    overwriteFreeMemory();
    expect([...mine]).toEqual(count(16));
  });

  it("has a copy of the user's array, which may be changed", () => {
    const before = native().liveBytes;
    const mine = Float32Array.from(count(16));
    const x = tensor1d(mine);
    expect(native().liveBytes - before).toBe(64);
    mine.fill(0);
    expect(read(x)).toEqual(count(16));
    x.dispose();
    expect(native().liveBytes).toBe(before);
  });

  it("takes the user's views into larger arrays, at any offset", () => {
    const mine = Float32Array.from(count(33));
    scoped(() => {
      for (let from = 0; from < 17; from++) {
        const part = mine.subarray(from, from + 16);
        expect(read(mul(tensor1d(part), 2))).toEqual([...part].map((v) => 2 * v));
      }
    });
  });

  it("keeps a variable's value from one assignment to the next", () => {
    const before = native();
    const w = tidy(() => variable(tensor1d([1, 2, 3])));
    for (let i = 0; i < 20; i++) {
      tidy(() => w.assign(add(w, 1)));
      overwriteFreeMemory();
      expect(read(w)).toEqual([2 + i, 3 + i, 4 + i]);
    }
    w.dispose();
    expect(native()).toMatchObject({ numTensors: before.numTensors, liveBytes: before.liveBytes });
  });

  it("has an argument that is the result's own shape and size, read and written apart", () => {
    scoped(() => {
      let x = pooled(count(16), [16]);
      for (let i = 0; i < 10; i++) x = tidy(() => add(x, x));
      expect(read(x)).toEqual(count(16).map((v) => v * 1024));
    });
  });

  it("takes tensors from the cpu backend and hands them over to it, in both directions", async () => {
    const before = native().liveBytes;
    const x = pooled(count(16), [4, 4]);
    await setBackend("cpu");
    const y = mul(x, 2);
    expect(read(y)).toEqual(count(16).map((v) => 2 * v));
    await setBackend("native");
    overwriteFreeMemory();
    const z = add(x, y);
    expect(read(z)).toEqual(count(16).map((v) => 3 * v));
    // x was moved away and back: what it has now came from outside, and it must come back from there unharmed.
    expect(read(x)).toEqual(count(16));
    dispose([x, y, z]);
    overwriteFreeMemory();
    expect(native().liveBytes).toBe(before);
  });

  it.each<{ from: DataType; values: Int32Array | Uint8Array }>([
    { from: "int32", values: Int32Array.of(-1, 0, 2, 3) },
    { from: "bool", values: Uint8Array.of(1, 0, 1, 1) },
  ])("takes what the cpu backend has cast from $from to float32", async ({ from, values }) => {
    await setBackend("cpu");
    const x = cast(tensor(values, [4], from), "float32");
    const b = cast(cast(tensor(values, [4], from), "int32"), "float32");
    await setBackend("native");
    scoped(() => {
      for (const t of [x, b]) {
        expectClose(
          mul(t, t),
          [...values].map((v) => v * v),
        );
        expectClose(
          add(t, 0.5),
          [...values].map((v) => v + 0.5),
        );
      }
    });
    dispose([x, b]);
  });

  it("takes integers that the cpu backend's kernels keep as floats, as oneHot does", () =>
    scoped(() => {
      const hot = oneHot(tensor1d([2, 0], "int32"), 3);
      expect(hot.dtype).toBe("int32");
      expect(read(mul(hot, 0.5))).toEqual([0, 0, 0.5, 0.5, 0, 0]);
      expect(read(cast(hot, "float32"))).toEqual([0, 0, 1, 1, 0, 0]);
    }));

  it("has all operations of the cpu backend, also for types that it has no kernels of", () => {
    scoped(() => {
      expect(read(add(tensor1d([1, 2], "int32"), tensor1d([3, 4], "int32")))).toEqual([4, 6]);
      expect(read(argMax(pooled([1, 3, 2], [3])))).toEqual([1]);
      expect(tensor1d(["a", "b"]).dataSync<"string">()).toEqual(["a", "b"]);
      expect(read(transpose(pooled(count(6), [2, 3])))).toEqual([1, 4, 2, 5, 3, 6]);
      expect(read(add(tensor2d([[1, 2]]), tensor2d([[3], [4]])))).toEqual([4, 5, 5, 6]);
    });
  });

  it("frees the tensors of a computation that fails", () => {
    const before = native();
    const x = pooled(count(6), [2, 3]);
    expect(() => tidy(() => add(mul(x, 2), zeros([4])))).toThrow();
    x.dispose();
    expect(native()).toMatchObject({ numTensors: before.numTensors, liveBytes: before.liveBytes });
  });
});

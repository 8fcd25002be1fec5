/** @file What must hold of every module: layers, blocks and networks. */
import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import { gather, memory, slice, sum, type Tensor, tensor, variableGrads } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import {
  type Context,
  disposeModule,
  type Module,
  type NetworkState,
  namedBuffers,
  namedParameters,
  run,
  stream,
} from "../index.js";

/** What {@link describeModule} needs to know. */
export interface ModuleUnderTest {
  /** Makes the module; called anew for each test. */
  readonly make: () => Module;
  /** Shape of an input `[T, N, ...]`, with T and N at least 2. */
  readonly input: readonly number[];
  /** Shape of the output for it. */
  readonly output: readonly number[];
  /** Whether the module has no memory, so that a step's output depends on that step alone. */
  readonly timeless: boolean;
  /** Whether no step's output depends on a later step, so that the module streams. @defaultValue true */
  readonly causal?: boolean;
}

/** The same numbers for the same shape: spikes, about a third of them 1. */
export function spikesOfShape(shape: readonly number[], every = 3): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * 7 + Math.floor(i / 5)) % every === 0 ? 1 : 0)),
    [...shape],
  );
}

/** Tests a module, on every backend. */
export function describeModule(title: string, { make, input, output, timeless, causal = true }: ModuleUnderTest): void {
  const contexts: readonly Context[] = [{ training: false }, { training: true, seed: 1 }];

  describeBackends(`${title} as a module`, () => {
    it.each(contexts)("maps its input to the promised shape, training $training", (context) => {
      const module = make();
      scoped(() => expect(module.forward(spikesOfShape(input), context).shape).toEqual(output));
      disposeModule(module);
    });

    it.each(contexts)("run twice gives the same, training $training", (context) => {
      const module = make();
      scoped(() => {
        const [a, b] = [run(module, spikesOfShape(input), context), run(module, spikesOfShape(input), context)];
        expect(read(a)).toEqual(read(b));
      });
      disposeModule(module);
    });

    it.each(contexts)("run leaves its output in memory and nothing else, training $training", (context) => {
      const module = make();
      const x = spikesOfShape(input);
      const before = memory().numTensors;
      const y = run(module, x, context);
      expect(memory().numTensors - before).toBe(1);
      expect(x.isDisposed).toBe(false);
      for (const t of [x, y]) t.dispose();
      disposeModule(module);
    });

    it("leaves nothing but the gradients behind when it is trained", () => {
      const module = make();
      const parameters = [...namedParameters(module).values()];
      const x = spikesOfShape(input);
      const before = memory().numTensors;
      if (parameters.length > 0) {
        const { value, grads } = variableGrads(() => sum(run(module, x, contexts[1]!)), parameters);
        expect(memory().numTensors - before).toBe(1 + parameters.length);
        for (const t of [value, ...Object.values(grads)]) t.dispose();
      }
      expect(memory().numTensors - before).toBe(0);
      x.dispose();
      disposeModule(module);
    });

    it("frees with disposeModule all that it made", () => {
      const before = memory().numTensors;
      const module = make();
      expect(memory().numTensors - before).toBe(namedParameters(module).size + namedBuffers(module).size);
      disposeModule(module);
      expect(memory().numTensors).toBe(before);
    });

    it("treats the samples of a batch alike: permuting them permutes the result", () => {
      const module = make();
      scoped(() => {
        const x = spikesOfShape(input);
        const order = Array.from({ length: input[1]! }, (_, i) => input[1]! - 1 - i);
        const [a, b] = [x, gather(x, order, 1)].map((s) => run(module, s, contexts[0]!));
        expectClose(b!, gather(a!, order, 1));
      });
      disposeModule(module);
    });

    it.runIf(causal)("lets no step see a later one", () => {
      const module = make();
      scoped(() => {
        const x = spikesOfShape(input);
        const whole = run(module, x, contexts[0]!);
        const begun = run(module, slice(x, [0], [1]), contexts[0]!);
        expectClose(begun, slice(whole, [0], [1]));
      });
      disposeModule(module);
    });

    it.runIf(causal)("gives, step by step with its state passed on, what the whole sequence gives", () => {
      const module = make();
      scoped(() => {
        const x = spikesOfShape(input);
        const whole = run(module, x, contexts[0]!);
        let state: NetworkState | undefined;
        for (let t = 0; t < input[0]!; t++) {
          const next = stream(module, slice(x, [t], [1]), state);
          expectClose(next.y, slice(whole, [t], [1]));
          state = next.state;
        }
      });
      disposeModule(module);
    });

    if (timeless) {
      it("is applied to every step alone", () => {
        const module = make();
        scoped(() => {
          const x = spikesOfShape(input);
          const whole = run(module, x, contexts[0]!);
          for (let t = 0; t < input[0]!; t++) {
            expectClose(run(module, slice(x, [t], [1]), contexts[0]!), slice(whole, [t], [1]));
          }
        });
        disposeModule(module);
      });
    }
  });
}

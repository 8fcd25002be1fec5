/** @file What must hold of every module with an option `recompute`. */
import { read } from "@sew/kernels/testing";
import {
  dispose,
  memory,
  mul,
  type Scalar,
  sum,
  type Tensor,
  tensor,
  variable,
  variableGrads,
} from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import {
  type Context,
  disposeModule,
  freeAfterUse,
  type Module,
  namedBuffers,
  namedModules,
  namedParameters,
  run,
  seeded,
} from "../index.js";

const contexts: readonly Context[] = [{ training: true, seed: 1 }, { training: false }];

/**
 * Throws unless a module that recomputes is the plain one: the same bits of output, of the gradients by its input and
 * each parameter and of the running statistics, the same modules shown to the observer, and no tensor more left
 * behind.
 *
 * @param make makes the module
 */
export function expectRecomputes(make: (recompute: boolean) => Module, x: Tensor): void {
  for (const context of contexts) {
    for (const differentiated of [(f: () => Scalar) => f, freeAfterUse<Scalar>]) {
      const [plain, recomputed] = [false, true].map((recompute) =>
        pass(
          seeded(0, () => make(recompute)),
          x,
          context,
          differentiated,
        ),
      );
      expect(recomputed).toEqual(plain);
    }
  }
}

/** All that one pass there and back shows and leaves. */
function pass(module: Module, x: Tensor, context: Context, differentiated: (f: () => Scalar) => () => Scalar) {
  const paths = new Map([...namedModules(module)].map(([path, inside]) => [inside, path]));
  const input = variable(x);
  const parameters = namedParameters(module);
  const before = memory().numTensors;
  const observed: (string | undefined)[] = [];
  const observe = (seen: Module) => observed.push(paths.get(seen));
  let output: number[] = [];
  const f = (): Scalar => {
    const y = run(module, input, { ...context, observe });
    output = read(y);
    const dy = tensor(
      Float32Array.from(output, (_, i) => Math.cos(i)),
      y.shape,
    );
    return sum(mul(y, dy)) as Scalar;
  };
  const { value, grads } = variableGrads(differentiated(f), [input, ...parameters.values()]);
  const gradients = Object.fromEntries(
    [...parameters].map(([path, { name }]) => [path, grads[name] && read(grads[name])]),
  );
  const byInput = read(grads[input.name]!);
  dispose([value, grads]);
  const left = memory().numTensors - before;
  const statistics = [...namedBuffers(module)].map(([path, buffer]) => [path, read(buffer)]);
  disposeModule(module);
  input.dispose();
  return { output, byInput, gradients, statistics, observed, left };
}

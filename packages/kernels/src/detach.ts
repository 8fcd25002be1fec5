import { clone, customGrad, type Tensor, zerosLike } from "@tensorflow/tfjs-core";

const op = customGrad((...inputs) => {
  const x = inputs[0] as Tensor;
  return { value: clone(x), gradFunc: (dy: Tensor) => zerosLike(dy) };
});

/**
 * The same values, cut from the gradient.
 *
 * @example
 * grad((x) => add(x, detach(x)))(tensor1d([3])).arraySync(); // [1]
 */
export function detach(x: Tensor): Tensor {
  return op(x);
}

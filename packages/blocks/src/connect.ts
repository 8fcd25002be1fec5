/** @file The element-wise functions g(A, S) that join a residual path to its shortcut. */
import { mul, add as plus, sub, type Tensor } from "@tensorflow/tfjs-core";

/** A connect function g(A[t], S[t]): both arguments and the result have one shape. */
export type Connect = (a: Tensor, s: Tensor) => Tensor;

/**
 * ADD: `g(A, S) = A + S`. Integers from 0 to one more than the largest of S.
 *
 * @example
 * add(tensor1d([0, 1, 0, 1]), tensor1d([0, 0, 1, 1])).arraySync(); // [0, 1, 1, 2]
 */
export const add: Connect = (a, s) => plus(a, s);

/**
 * AND: `g(A, S) = A · S`. Fires where both do; stays binary.
 *
 * @example
 * and(tensor1d([0, 1, 0, 1]), tensor1d([0, 0, 1, 1])).arraySync(); // [0, 0, 0, 1]
 */
export const and: Connect = (a, s) => mul(a, s);

/**
 * IAND: `g(A, S) = (1 − A) · S`. Fires where S does and A does not; stays binary.
 *
 * @example
 * iand(tensor1d([0, 1, 0, 1]), tensor1d([0, 0, 1, 1])).arraySync(); // [0, 0, 1, 0]
 */
export const iand: Connect = (a, s) => mul(sub(1, a), s);

/** @file Which products a matrix unit computes faster than multiply-adds: see docs/decisions/0027. */

/** Whether a product of float32 fills 0.6 of the steps of 32 values. Its six products of parts take 0.4 of multiply-adds' time. */
export const fillsSteps = (values: number): boolean => values / (32 * Math.ceil(values / 32)) >= 0.6;

/** Fewest values in the windows of a filter's gradient, or columns of a matrix whose transpose is multiplied. */
export const LEAST_WINDOW = 96;

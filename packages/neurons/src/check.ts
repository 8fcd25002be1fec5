/** @file Checks of parameters that several models have. A tensor's values may be learned: its shape alone is checked. */
import { distance, shown } from "@sew/kernels";
import { Tensor } from "@tensorflow/tfjs-core";
import type { Neuron, Parameter } from "./neuron.js";

/** Throws unless all parameters have names of the model's. */
export function checkNames(model: string, params: object, defaults: object): void {
  const names = Object.keys(defaults);
  const other = Object.keys(params).find((name) => !names.includes(name));
  if (other === undefined) return;
  const far = (name: string) => distance(other.toLowerCase(), name.toLowerCase());
  const [nearest] = names.filter((name) => 2 * far(name) <= name.length + 1).sort((a, b) => far(a) - far(b));
  const remedy =
    nearest === undefined ? "leave it out, or add it to the defaults of the model" : `did you mean ${nearest}?`;
  throw new RangeError(`${model}: parameters must be of ${names.join(", ")}, got ${shown(other)}; ${remedy}`);
}

/** Throws unless every tensor among the parameters is a scalar or has one value per channel. */
export function checkParameterShapes(model: string, params: object): void {
  for (const [name, value] of Object.entries(params)) {
    if (value instanceof Tensor && (value.rank > 1 || value.size === 0)) {
      throw new RangeError(
        `${model}: ${name} must be a scalar or have one value per channel, [C] with C at least 1, got [${value.shape}]`,
      );
    }
  }
}

/**
 * Throws unless every tensor among a neuron's parameters has one value, or one for each channel of the currents.
 *
 * @param x the currents of one step or of a sequence
 * @param channels the last axis of one step of `x`. @defaultValue none: a step is a scalar, and so must parameters be
 * @internal
 */
export function checkChannels(
  { model, params }: Pick<Neuron, "model" | "params">,
  x: { readonly shape: readonly number[] },
  channels?: number,
): void {
  for (const [name, value] of Object.entries(params)) {
    if (!(value instanceof Tensor)) continue;
    if (channels === undefined ? value.rank === 0 : value.size === 1 || value.size === channels) continue;
    const expected =
      channels === undefined
        ? `be a scalar, since x [${x.shape}] has no channels`
        : `have 1 value or one for each of the ${channels} channels of x [${x.shape}]`;
    throw new RangeError(`${model}: ${name} must ${expected}, got [${value.shape}]`);
  }
}

/** Throws unless every one of the named parameters is a finite number or a tensor. */
export function checkNumber(model: string, params: Readonly<Record<string, Parameter>>): void {
  for (const [name, value] of Object.entries(params)) {
    if (!(value instanceof Tensor) && !Number.isFinite(value)) {
      throw new RangeError(`${model}: ${name} must be a finite number, got ${shown(value)}`);
    }
  }
}

/** Throws unless all numbers among the parameters are finite. */
export function checkFinite(model: string, params: object): void {
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === "number") checkNumber(model, { [name]: value });
  }
}

/** Throws unless every one of the named parameters is true or false. */
export function checkBoolean(model: string, params: Readonly<Record<string, boolean>>): void {
  for (const [name, value] of Object.entries(params)) {
    if (typeof value !== "boolean") throw new TypeError(`${model}: ${name} must be true or false, got ${shown(value)}`);
  }
}

/** Throws unless `value` is a finite number above 0, or a tensor. */
export function checkPositive(model: string, name: string, value: Parameter): void {
  if (!(value instanceof Tensor) && !(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${model}: ${name} must be a finite number above 0, got ${shown(value)}`);
  }
}

/** Throws unless `value` is a finite number of at least 0, or a tensor. */
export function checkNotNegative(model: string, name: string, value: Parameter): void {
  if (!(value instanceof Tensor) && !(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${model}: ${name} must be a finite number of at least 0, got ${shown(value)}`);
  }
}

/** Throws unless a time constant is a finite number of time-steps from 1 on, or a tensor. */
export function checkTau(model: string, tau: Parameter, name = "tau"): void {
  if (!(tau instanceof Tensor) && !(tau >= 1 && Number.isFinite(tau))) {
    throw new RangeError(`${model}: ${name} must be at least 1 time-step, got ${shown(tau)}`);
  }
}

/** Throws unless `value` is an integer of at least 1. */
export function checkCount(model: string, name: string, value: number | undefined, remedy = ""): void {
  if (!(Number.isInteger(value) && value! >= 1)) {
    throw new RangeError(`${model}: ${name} must be an integer of at least 1, got ${shown(value)}${remedy}`);
  }
}

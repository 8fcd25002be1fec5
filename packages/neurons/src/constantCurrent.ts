/** @file Constant currents that hold a neuron silent or make it fire at every step. */
import { fill, max, min, tidy } from "@tensorflow/tfjs-core";
import type { Neuron } from "./neuron.js";
import { unroll } from "./unroll.js";

const steps = 64;
const spikesAt = (neuron: Neuron, current: number) =>
  tidy(() => {
    const { spikes } = unroll(neuron, fill([steps, 1], current));
    return { least: min(spikes).dataSync()[0], most: max(spikes).dataSync()[0] };
  });

/** The smallest constant current at which the neuron fires at every step from rest. */
export function firingCurrent(neuron: Neuron): number {
  let high = 1;
  while (spikesAt(neuron, high).least !== 1) high *= 2;
  let low = -high;
  while (spikesAt(neuron, low).least === 1) low *= 2;
  for (;;) {
    const middle = Math.fround((low + high) / 2);
    if (middle === low || middle === high) return high;
    if (spikesAt(neuron, middle).least === 1) high = middle;
    else low = middle;
  }
}

/** A constant current, 0 or below, at which the neuron never fires. */
export function silentCurrent(neuron: Neuron): number {
  return [0, -1, -2, -4, -8].find((current) => spikesAt(neuron, current).most === 0) ?? -16;
}

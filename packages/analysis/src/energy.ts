/** @file Energy of computation, from synaptic operations and the cost of an operation. */
import type { SynOps } from "./synOps.js";

/** What operations cost, in picojoules. */
export interface OperationCosts {
  /** A multiply-accumulate, pJ. */
  readonly mac: number;
  /** An accumulation, pJ: an addition alone. */
  readonly ac: number;
}

/**
 * Costs of operations at 45 nm and 0.9 V, in picojoules: a multiplication and an addition, and an addition alone.
 *
 * @see M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, Fig. 1.1.9
 *
 * @example
 * operationCosts.fp32; // { mac: 4.6, ac: 0.9 }
 */
export const operationCosts = {
  fp32: { mac: 4.6, ac: 0.9 },
  fp16: { mac: 1.5, ac: 0.4 },
  int8: { mac: 0.23, ac: 0.03 },
} as const satisfies Readonly<Record<string, OperationCosts>>;

/** Options of {@link energy}. */
export interface EnergyOptions {
  /** What operations cost. @defaultValue `operationCosts.fp32` */
  readonly costs?: OperationCosts;
  /**
   * How often a layer counts whose real-valued input is the same at every time-step: as it ran, or once, since its result could
   * be reused, as most papers count it. @defaultValue "as run"
   */
  readonly repeated?: "as run" | "once";
}

/** Energy for one sample and all its time-steps, in millijoules. */
export interface Energy {
  /** `E_AC · SynOps + E_MAC · MACs`: SynOps (exact) of binary and count inputs, MACs of real-valued inputs. */
  readonly exact: number;
  /** The same, with SynOps by the rate convention: the formula of Spikformer and most papers. */
  readonly rate: number;
  /** As `exact`, but layers whose input is counts, as behind g = ADD, take dense MACs: the pessimistic bound where counts average at most 5.1. */
  readonly countsAsMacs: number;
  /** `E_MAC` times the dense MACs of all layers and time-steps: the same network if it did not know of spikes. */
  readonly dense: number;
}

/**
 * The energy that synaptic operations take: an estimate of arithmetic alone.
 *
 * It leaves out what moves data, which most often takes more: reading weights and potentials, and addressing events. Numbers of
 * different estimators do not compare, nor do those of different conventions.
 *
 * @param ops the result of `synOps`
 * @see docs/energy.md
 *
 * @example
 * const net = network("c2k3", { height: 4, width: 4, inChannels: 1 });
 * const { exact, dense } = energy(await synOps(net, ones([1, 1, 4, 4, 1])));
 * exact.toFixed(9); // "0.000000180"
 * dense.toFixed(9); // "0.000001325"
 */
export function energy(
  { total }: SynOps,
  { costs: { mac, ac } = operationCosts.fp32, repeated = "as run" }: EnergyOptions = {},
): Energy {
  const reals = mac * (repeated === "once" ? total.realMacsOnce : total.realMacs);
  const millijoules = (picojoules: number) => picojoules * 1e-9;
  return {
    exact: millijoules(ac * total.exact + reals),
    rate: millijoules(ac * total.rate + reals),
    countsAsMacs: millijoules(ac * (total.exact - total.countExact) + mac * total.countMacs + reals),
    dense: millijoules(mac * (total.macs - total.realMacs) + reals),
  };
}

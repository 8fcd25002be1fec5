/** @file The constant currents at which a neuron does the same at every step: fire, or nothing. */
import { Tensor, tensor, tidy } from "@tensorflow/tfjs-core";
import type { Neuron, State } from "./neuron.js";

/** Steps for which spikes are followed when the reset is soft: four times the longest sequence of the paper. */
const firingSteps = 64;
/** Steps for which silence is followed: a neuron that charges itself may take hundreds to its first spike. */
const silentSteps = 1024;
/** Currents beyond ±2⁶⁴ are not looked at; squares of potentials are still float32 numbers there. */
const bound = 2 ** 64;
/** Currents tried at a time: 256⁴ = 2³², so that four rounds tell any float32 from its neighbours. */
const lanes = 256;

/**
 * The smallest float32 constant current at which the neuron fires at every step, from rest. (Of a neuron that emits counts:
 * at which it emits 1 at every step.)
 *
 * It is what the last batch norm of a block has to shift its input by, at scale 0, for the neurons behind it to be 1
 * throughout. Found by evaluating the neuron on the current backend, so that it is exact there, rounding included, for any
 * model whose charge does not fall when the current rises. At the float32 below it, not every step fires. Of parameters per
 * channel, all channels must fire.
 *
 * Where V is all of the state and the reset is hard, one step decides, since V is V_reset again after each spike. So
 * H(V_reset, x) = V_th:
 *
 * - IF: `V_th − V_reset`, from V_reset + x = V_th
 * - LIF and PLIF: `τ (V_th − V_reset)`, from V_reset + x/τ = V_th. In one step the potential covers a τ-th of the way to
 *   V_reset + x; a current of V_th − V_reset gets it to the threshold only after infinitely many.
 *   Without `decayInput` it is that of IF, since nothing leaks at V_reset.
 * - QIF: `τ (V_th − V_reset) − a₀ (V_reset − V_rest) (V_reset − V_c)`
 * - EIF: `τ (V_th − V_reset) + (V_reset − V_rest) − Δ_T exp((V_reset − θ_rh) / Δ_T)`
 *
 * Where spikes change further state, such as the threshold of ALIF, 64 steps are followed, or as many as it takes until the
 * state repeats itself.
 *
 * With a soft reset V is H − V_th after a spike, which is 0 at these currents. They also do at later steps when V_reset = 0,
 * and mostly when it is below; above, each step starts lower than the one before, and more current is needed. There 64 steps
 * are followed, too. (EIF may have no such current then: where nothing brings its potential back, it runs off to infinity.)
 *
 * @param neuron a neuron whose parameters are fixed; of a learnable one, its present value counts
 * @returns a current, exact in float32
 * @throws RangeError when the neuron does not spike, when there is no such current between −2⁶⁴ and 2⁶⁴, as of neurons with
 *   a refractory period, when every current there makes it fire, or when it fires at some current but not at a larger one
 *
 * @example
 * firingCurrent(neuron(integrateAndFire)); // 1
 * firingCurrent(neuron(lif, { tau: 2 })); // 2
 * const x = fill([100, 1], firingCurrent(neuron(lif, { tau: 3 })));
 * sum(unroll(neuron(lif, { tau: 3 }), x).spikes).arraySync(); // 100
 */
export function firingCurrent(neuron: Neuron): number {
  if (neuron.emits.kind === "reals") {
    throw new RangeError(`firingCurrent: neuron must spike, got ${neuron.model}, which emits real numbers`);
  }
  const first = smallest(-keyOf(bound), keyOf(bound), (currents) => {
    const fires = keeps(neuron, fired, currents, 1);
    const [from, to] = [fires.indexOf(true), fires.lastIndexOf(false)];
    if (from !== -1 && from < to) {
      throw new RangeError(
        `firingCurrent: neuron must have a charge that does not fall when the current rises, got one that fires at ${currents[from]} and not at ${currents[to]}`,
      );
    }
    return fires;
  });
  if (first === -keyOf(bound)) {
    throw new RangeError(`firingCurrent: neuron must be silent at some current, got one that fires at ${-bound}`);
  }
  const key =
    first === undefined || keeps(neuron, fired, [floatOf(first)], firingSteps)[0]
      ? first
      : smallest(first, keyOf(bound), (currents) => keeps(neuron, fired, currents, firingSteps));
  if (key === undefined) {
    throw new RangeError(
      `firingCurrent: neuron must fire at every step at some constant current, got one that does not at any up to ${bound}`,
    );
  }
  const current = floatOf(key);
  if (neuron.emits.kind === "counts" && !keeps(neuron, (s) => s === 1, [current], firingSteps)[0]) {
    throw new RangeError(
      `firingCurrent: neuron must emit 1 at every step at some constant current, got ${neuron.model} that emits more at ${current}`,
    );
  }
  return current;
}

/**
 * A constant current at which the neuron never fires, from rest: 0 when that will do, else a negative one.
 *
 * IF, LIF and PLIF rest at 0 as long as V_reset < V_th; EIF fires there by itself with its default parameters. The negative
 * currents tried are −2⁻¹⁰, −2⁻⁹, ... −2³⁰. Silence is followed for 1024 steps, or until the potential repeats itself.
 *
 * @param neuron a neuron whose parameters are fixed; of a learnable one, its present value counts
 * @returns a current, 0 or less
 * @throws RangeError when the neuron does not spike, or fires at each of these currents
 *
 * @example
 * silentCurrent(neuron(lif)); // 0
 * silentCurrent(neuron(eif)); // -0.25
 */
export function silentCurrent(neuron: Neuron): number {
  if (neuron.emits.kind === "reals") {
    throw new RangeError(`silentCurrent: neuron must spike, got ${neuron.model}, which emits real numbers`);
  }
  if (keeps(neuron, silent, [0], silentSteps)[0]) return 0;
  const currents = Array.from({ length: 41 }, (_, i) => -(2 ** (i - 10)));
  const current = currents[keeps(neuron, silent, currents, silentSteps).indexOf(true)];
  if (current === undefined) {
    throw new RangeError(
      `silentCurrent: neuron must be silent at 0 or some negative current, got one that fires at each down to ${currents.at(-1)}`,
    );
  }
  return current;
}

const fired = (spike: number): boolean => spike >= 1;
const silent = (spike: number): boolean => spike === 0;

/** For each constant current: whether what every channel emits passes, at all these steps from rest. */
function keeps(
  neuron: Neuron,
  passes: (spike: number) => boolean,
  currents: readonly number[],
  steps: number,
): boolean[] {
  const channels = Math.max(1, ...Object.values(neuron.params).map((p) => (p instanceof Tensor ? p.size : 1)));
  const shape = [currents.length, channels];
  const x = Float32Array.from({ length: currents.length * channels }, (_, i) => currents[Math.floor(i / channels)]!);
  let state = tidy(() => valuesOf(neuron.initialState(shape)));
  const kept = currents.map(() => true);
  for (let t = 0; t < steps; t++) {
    const { spikes, next } = tidy(() => {
      const before = Object.entries(state).map(([name, values]) => [name, tensor(values, shape)]);
      const step = neuron(Object.fromEntries(before) as State, tensor(x, shape));
      return { spikes: Float32Array.from(step.spikes.dataSync()), next: valuesOf(step.state) };
    });
    // A state that repeats itself does so for ever.
    let settled = true;
    for (let i = 0; i < x.length; i++) {
      const lane = Math.floor(i / channels);
      kept[lane] &&= passes(spikes[i]!);
      settled &&= !kept[lane] || Object.entries(next).every(([name, values]) => values[i] === state[name]![i]);
    }
    if (settled) break;
    state = next;
  }
  return kept;
}

/** The values of a state. */
function valuesOf(state: State): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(Object.entries(state).map(([name, t]) => [name, Float32Array.from(t.dataSync())]));
}

/**
 * The first float32 number whose current passes, between two keys; undefined when none is found. The number before it, if
 * it is not the lower end, was tried and does not pass.
 */
function smallest(from: number, to: number, passes: (currents: number[]) => boolean[]): number | undefined {
  let [low, high] = [from, to];
  for (;;) {
    const steps = Math.min(lanes - 1, high - low);
    const keys = Array.from({ length: steps + 1 }, (_, i) => low + Math.floor((i * (high - low)) / steps));
    const found = passes(keys.map(floatOf)).indexOf(true);
    if (found <= 0) return found === 0 ? low : undefined;
    high = keys[found]!;
    low = keys[found - 1]!;
    if (high - low === 1) return high;
  }
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** The place of a float32 number among all: 0 has 0, and neighbours differ by 1. */
function keyOf(x: number): number {
  floats[0] = x;
  return bits[0]! < 0 ? -(bits[0]! & 0x7fffffff) : bits[0]!;
}

/** The float32 number with this key. */
function floatOf(key: number): number {
  bits[0] = Math.abs(key);
  return key < 0 ? -floats[0]! : floats[0]!;
}

/** @file Networks step by step: the state of all neuron layers goes in and comes out. */
import { shown } from "@sew/kernels";
import type { State } from "@sew/neurons";
import { clone, keep, type Tensor } from "@tensorflow/tfjs-core";
import { type Context, distinctModules, evaluation, type Module, run } from "./module.js";

/** The state of a network: of each neuron layer, by its path, a tensor `[N, ...]` for each state variable. */
export type NetworkState = Readonly<Record<string, State>>;

/** Where the layers of one pass find and leave their state. */
export interface StateMemory {
  /** The state before the pass. @defaultValue none: the layer starts at rest */
  recall(layer: Module): State | undefined;
  /** Leaves the state after the pass. */
  store(layer: Module, state: State): void;
}

/** What {@link stream} returns. */
export interface Streamed {
  readonly y: Tensor;
  readonly state: NetworkState;
}

/**
 * Runs a network on the next time-steps of a sequence: `(state, x[t…]) → (state, y[t…])`.
 *
 * The outputs are those of the whole sequence at once, whatever pieces it is cut into, as long as no layer looks across
 * time: in evaluation that holds for all layers of this package.
 *
 * @param model the network
 * @param x the next steps `[T, N, ...]`; T may be 1
 * @param state the state that the call before returned, of every neuron layer. @defaultValue none: all start at rest
 * @param context options of the pass. @defaultValue evaluation
 * @returns y `[T, N, ...]` and the state after the last step; all tensors are the caller's to dispose
 * @throws RangeError when the state is that of other neuron layers than the model's, lacks one, or is of another batch size
 *
 * @example
 * const model = sequential({ neuron: neurons(integrateAndFire)(1) });
 * const first = stream(model, tensor3d([[[0.5]]]));
 * first.state.neuron.v.arraySync(); // [[0.5]]
 * stream(model, tensor3d([[[0.5]]]), first.state).y.arraySync(); // [[[1]]]
 */
export function stream(
  model: Module,
  x: Tensor,
  state?: NetworkState,
  context: Omit<Context, "memory"> = evaluation,
): Streamed {
  const paths = distinctModules(model);
  const known = new Set(paths.values());
  const before = new Map(Object.entries(state ?? {}));
  const foreign = [...before.keys()].filter((path) => !known.has(path.replace(/#\d+$/, "")));
  if (foreign.length > 0) throw foreignState(foreign);
  // A layer in two places runs twice in a pass, and each run has a state of its own.
  const counter = () => {
    const runs = new Map<Module, number>();
    return (layer: Module): string => {
      const count = (runs.get(layer) ?? 0) + 1;
      runs.set(layer, count);
      const path = paths.get(layer);
      if (path === undefined) {
        throw new RangeError(
          "stream: model must have every layer with a state among its children, got one that is not",
        );
      }
      return count === 1 ? path : `${path}#${count}`;
    };
  };
  const [recalled, stored] = [counter(), counter()];
  const after: Record<string, State> = {};
  const unused = new Set(before.keys());
  const memory: StateMemory = {
    recall(layer) {
      const path = recalled(layer);
      unused.delete(path);
      const own = before.get(path);
      if (own === undefined && state !== undefined) throw missingState(path);
      return own;
    },
    store(layer, next) {
      // The tidy of the layer would free it.
      after[stored(layer)] = mapState(next, (t) => keep(clone(t)));
    },
  };
  try {
    const y = run(model, x, { ...context, memory });
    if (unused.size > 0) {
      y.dispose();
      throw foreignState([...unused]);
    }
    // Clones belong to the caller's scope, as y does.
    return { y, state: Object.fromEntries(Object.entries(after).map(([path, own]) => [path, mapState(own, clone)])) };
  } finally {
    for (const own of Object.values(after)) for (const t of Object.values(own)) t.dispose();
  }
}

const must = "stream: state must be that of each neuron layer of this model";
const remedy = "pass what the call before returned";

function foreignState(paths: readonly string[]): RangeError {
  return new RangeError(`${must}, got one for ${paths.map(shown).join(", ")}; ${remedy}`);
}

function missingState(path: string): RangeError {
  return new RangeError(`${must}, got none for ${shown(path)}; ${remedy}`);
}

/** Frees the tensors of a network's state. */
export function disposeState(state: NetworkState): void {
  for (const own of Object.values(state)) for (const t of Object.values(own)) t.dispose();
}

function mapState(state: State, f: (t: Tensor) => Tensor): State {
  return Object.fromEntries(Object.entries(state).map(([name, t]) => [name, f(t)]));
}

import { clone, engine, type Tensor } from "@tensorflow/tfjs-core";

type Tape = ReturnType<typeof engine>["state"]["activeTape"];

/** The gradients that were handed to a gradient function which `lean` frees them behind. */
const handedOver = new WeakSet<Tensor>();

/**
 * Whether a gradient function is the last to read the gradient that it was given, as it is under {@link lean}.
 *
 * A kernel may then write over it, unless its memory is also that of a clone.
 */
export function isHandedOver(dy: Tensor): boolean {
  return handedOver.has(dy);
}

/**
 * The same function, but when it is differentiated the backward pass frees what it leaves behind.
 *
 * tfjs keeps every saved activation and every intermediate gradient until the whole pass is over. Here each is freed
 * as soon as the pass has moved past the op it belongs to; what is wanted for longer can be kept with `keep`. A kernel
 * that is the last to read a gradient may write over it. The gradients are the same bit for bit. Inside another gradient
 * function, whose tape must stay whole, and on a tfjs whose tape cannot be reached, it changes nothing.
 *
 * @param f what is differentiated, the whole of it
 *
 * @example
 * const w = variable(scalar(3));
 * const { grads } = variableGrads(lean(() => square(w)), [w]);
 * grads[w.name].arraySync(); // 6
 */
export function lean<T extends Tensor>(f: () => T): () => T {
  return () => {
    const { state } = engine();
    const isOwn = (): boolean => state.gradientDepth === 1 && Array.isArray(state.activeTape);
    try {
      const y = f();
      if (isOwn()) freeBehind(state.activeTape);
      return y;
    } catch (error) {
      // tfjs frees what a tape saved after its backward pass alone.
      if (isOwn()) for (const { saved = [] } of state.activeTape) for (const tensor of saved) tensor.dispose();
      throw error;
    }
  };
}

/**
 * Makes the tape free what the backward pass leaves behind.
 *
 * The pass walks the tape from its end, calls `gradient` of each node with the gradients of the node's outputs (`dys`),
 * and then the closures it returned, one for each input. When it calls the next node's, all that is left of a node are
 * the gradients of its inputs. These are clones (of the handle, not the data), so that each belongs to one input alone,
 * even when an op returns one tensor, or its own `dy`, for several: then `dys` are nobody else's when a node is done.
 */
function freeBehind(tape: Tape): void {
  let end = tape.length;
  let behind: Tensor[] = [];
  const reached = new Set<number>();
  for (const [index, node] of tape.entries()) {
    const { gradient, inputs } = node;
    if (gradient === undefined) continue;
    node.gradient = (dys) => {
      for (const tensor of behind) if (!tensor.kept) tensor.dispose();
      for (; end > index + 1; end--) for (const tensor of tape[end - 1]?.saved ?? []) tensor.dispose();
      const { track } = engine().state.activeScope;
      const start = track.length;
      for (const dy of dys) if (dy !== null) handedOver.add(dy);
      const closures = Object.entries(gradient(dys));
      // An output that the loss does not depend on has no gradient.
      behind = [...dys.filter((dy) => dy !== null), ...track.slice(start)];
      return Object.fromEntries(closures.map(([name, closure]) => [name, () => own(inputs[name]!, closure())]));
    };
  }

  /** The gradient of one input, on its own. A second one for the same tensor is added to the first, and then done. */
  function own(input: Tensor, gradient: Tensor): Tensor {
    const owned = clone(gradient);
    if (reached.has(input.id)) behind.push(owned);
    reached.add(input.id);
    return owned;
  }
}

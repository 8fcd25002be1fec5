import { clone, engine, type Tensor } from "@tensorflow/tfjs-core";

type Tape = ReturnType<typeof engine>["state"]["activeTape"];

/** The gradients whose last reader is the gradient function that receives them. */
const lastRead = new WeakSet<object>();

/**
 * Whether the gradient function that receives `dy` is the last to read it, as it is under {@link freeAfterUse}.
 *
 * A kernel may then overwrite it, unless a clone shares its memory.
 */
export function isLastReader(dy: object): boolean {
  return lastRead.has(dy);
}

/**
 * The same function, with a backward pass that frees each saved tensor and each intermediate gradient after its last use.
 *
 * tfjs keeps them until the whole pass is over. What must live longer can be kept with `keep`. A kernel that is the last
 * to read a gradient may overwrite it. The gradients are the same bit for bit. Inside another gradient function, whose
 * tape must stay whole, and on a tfjs whose tape cannot be reached, it changes nothing.
 *
 * @param f the function to differentiate, the whole of it
 *
 * @example
 * const w = variable(scalar(3));
 * const { grads } = variableGrads(freeAfterUse(() => square(w)), [w]);
 * grads[w.name].arraySync(); // 6
 */
export function freeAfterUse<T extends Tensor>(f: () => T): () => T {
  return () => {
    const { state } = engine();
    const isOwn = (): boolean => state.gradientDepth === 1 && Array.isArray(state.activeTape);
    const restore = saveHandles();
    try {
      const y = f();
      if (isOwn()) freeBehind(state.activeTape, y);
      return y;
    } catch (error) {
      if (isOwn()) freeSaved(state.activeTape, state.activeTape.length);
      throw error;
    } finally {
      restore();
    }
  };
}

/** The method by which the engine copies the handle of a tensor that an op saves. */
interface Saving {
  clone(x: Tensor): Tensor;
}

/**
 * Makes the engine save tensors without a kernel and a node of the tape for each, which only a gradient of a gradient needs.
 *
 * @returns ends it
 */
function saveHandles(): () => void {
  const saving = engine() as unknown as Saving;
  const { state } = engine();
  const outer = saving.clone;
  if (state.gradientDepth !== 1 || typeof outer !== "function") return () => {};
  saving.clone = (x) => {
    if (state.gradientDepth !== 1) return outer.call(saving, x);
    engine().backend.incRef(x.dataId);
    return engine().makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype });
  };
  return () => {
    saving.clone = outer;
  };
}

/** Frees what the first nodes of a tape saved. tfjs does so only after a backward pass that did not throw. */
function freeSaved(tape: Tape, nodes: number): void {
  for (const { saved = [] } of tape.slice(0, nodes)) for (const tensor of saved) tensor.dispose();
}

/**
 * Makes the tape free tensors behind the backward pass.
 *
 * The pass walks the tape from its end. It calls `gradient` of each node with the gradients of the node's outputs (`dys`),
 * and then the closures it returned, one for each input. When it reaches the next node, only the gradients of the inputs
 * are still needed, each of which belongs to one input alone; see `ownGradient`. No other node reads `dys` when a node is done.
 *
 * @param y the output of the function, which nobody receives when the pass throws
 */
function freeBehind(tape: Tape, y: Tensor): void {
  let end = tape.length;
  let behind: Tensor[] = [];
  /** What the gradient function of the current node has made. */
  let fresh = new Set<Tensor>();
  const reached = new Set<number>();
  for (const [index, node] of tape.entries()) {
    const { gradient, inputs } = node;
    if (gradient === undefined) continue;
    const orFree = <R>(f: () => R): R => {
      try {
        return f();
      } catch (error) {
        freeSaved(tape, end);
        if (!y.kept) y.dispose();
        throw error;
      }
    };
    node.gradient = (dys) => {
      for (const tensor of behind) if (!tensor.kept) tensor.dispose();
      for (const tensor of fresh) if (!tensor.kept) tensor.dispose();
      for (; end > index + 1; end--) for (const tensor of tape[end - 1]?.saved ?? []) tensor.dispose();
      const { track } = engine().state.activeScope;
      const start = track.length;
      for (const dy of dys) if (dy !== null) lastRead.add(dy);
      const closures = orFree(() => gradient(dys));
      // An output that the loss does not depend on has no gradient.
      behind = dys.filter((dy) => dy !== null);
      fresh = new Set(track.slice(start));
      const read = Object.values(inputs);
      const areDistinct = new Set(read).size === read.length;
      const own: typeof closures = {};
      for (const [name, closure] of Object.entries(closures)) {
        own[name] = () => inputGradient(inputs[name]!, orFree(closure), areDistinct);
      }
      return own;
    };
  }

  /** A gradient that belongs to one input alone. tfjs adds a second one for the same tensor to the first: then free it. */
  function inputGradient(input: Tensor, gradient: Tensor, areDistinct: boolean): Tensor {
    const own = ownGradient(gradient, areDistinct);
    if (reached.has(input.id)) behind.push(own);
    reached.add(input.id);
    return own;
  }

  /**
   * The gradient itself where the current node has made it for this input, and else a clone (of the handle, not the data): an
   * op may return one tensor, or its own `dy`, for several inputs. Of a tensor that is an input twice, tfjs disposes the first
   * gradient while the node may still read it.
   */
  function ownGradient(gradient: Tensor, areDistinct: boolean): Tensor {
    const isOwn =
      areDistinct && !gradient.kept && (fresh.delete(gradient) || engine().state.activeScope.track.includes(gradient));
    return isOwn ? gradient : clone(gradient);
  }
}

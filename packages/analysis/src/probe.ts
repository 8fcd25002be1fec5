/** @file Probes: measurements that attach to a model's passes, several in one pass. */
import { unrecorded } from "@sew/kernels";
import { backwardToTaps, type Context, type Module, namedBuffers, type Observer, run } from "@sew/layers";
import { clone, type Scalar, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { Readings } from "./readings.js";

/** What a module did in a pass. The tensors are valid during the call; keep clones of what you need. */
export interface Seen {
  readonly module: Module;
  readonly output: Tensor;
  /** Returns the module's input. Where a fused kernel leaves it out, it is computed: call it only if you need it. */
  readonly input: () => Tensor;
  /** Sums of the pass's tensors, shared by all probes: another object in each pass. */
  readonly readings: Readings;
}

/** The state of a measurement. */
export interface Recording<R> {
  /** Receives what each module does, in each pass, from the inside out. No gradient is recorded in it. */
  readonly observe: (seen: Seen) => void;
  /** Whether it needs a backward pass. @defaultValue false */
  readonly needsGradient?: boolean;
  /** The result of all passes since the last call. */
  readonly read: () => Promise<R>;
  /** Frees its tensors. */
  readonly dispose: () => void;
}

/**
 * A measurement of a model's passes: a function that starts to record. Those of this package are {@link firingRateProbe},
 * {@link gradientNormProbe}, {@link potentialProbe} and {@link synOpsProbe}; one of your own is a function of this type.
 */
export type Probe<R> = (model: Module) => Recording<R>;

/** Probes by names of your choice. */
export type Probes = Readonly<Record<string, Probe<unknown>>>;

/** The results of probes, by their names. */
export type Measured<P extends Probes> = { readonly [K in keyof P]: P[K] extends Probe<infer R> ? R : never };

/** Probes that are attached to a model. */
export interface Attached<P extends Probes> {
  /**
   * Goes into the context of each pass to measure: `run(model, x, { training, observe })`, or `trainStep`'s options. It throws
   * a RangeError in `stream`: probes measure whole sequences.
   */
  readonly observe: Observer;
  /** Whether a probe needs a backward pass. */
  readonly needsGradient: boolean;
  /** The results of all passes since the last call. */
  readonly read: () => Promise<Measured<P>>;
  /** Frees the tensors that were not read. */
  readonly dispose: () => void;
}

/**
 * Attaches probes to a model, for passes that run anyway, such as training steps.
 *
 * Outputs, gradients and running statistics are those without probes, bit for bit, and so are the kernels of the pass; the
 * probes' own come on top. Each pass leaves sums of about the size of a channel for each layer until they are read: read every few
 * steps. A pass that throws counts with what it ran.
 *
 * @param model the model whose passes are measured; it must run through `run`
 * @param probes probes by names of your choice
 *
 * @example
 * const model = sequential({ neurons: neurons(integrateAndFire)(1) });
 * const attached = attach(model, { rates: firingRateProbe() });
 * run(model, tensor3d([[[1]], [[0]]]), { training: false, observe: attached.observe });
 * (await attached.read()).rates.layers.neurons.rate; // 0.5
 */
export function attach<P extends Probes>(model: Module, probes: P): Attached<P> {
  const recordings = Object.entries(probes).map(([name, probe]) => [name, probe(model)] as const);
  let readings = new Readings();
  const newPass = () => {
    readings.dispose();
    readings = new Readings();
  };
  const observe = (module: Module, output: Tensor, input: () => Tensor): void => {
    unrecorded(() =>
      tidy(() => {
        for (const [, recording] of recordings) recording.observe({ module, output, input, readings });
      }),
    );
    if (module === model) newPass();
  };
  const before = (module: Module, { memory }: Context): void => {
    if (memory !== undefined) {
      throw new RangeError("attach: x must be a whole sequence, got a piece of one from stream; pass all of it to run");
    }
    // The pass before has not ended if it threw.
    if (module === model) newPass();
  };
  return {
    observe: Object.assign(observe, { before }),
    needsGradient: recordings.some(([, recording]) => recording.needsGradient === true),
    async read() {
      const results: [string, unknown][] = [];
      for (const [name, recording] of recordings) results.push([name, await recording.read()]);
      return Object.fromEntries(results) as Measured<P>;
    },
    dispose() {
      readings.dispose();
      for (const [, recording] of recordings) recording.dispose();
    },
  };
}

/** Options of {@link measure}. */
export interface MeasureOptions {
  /**
   * Whether the pass is one of training: batch norm uses the statistics of the batch, which a network that was never trained
   * needs, and dropout drops. Running statistics stay as they are. @defaultValue false
   */
  readonly training?: boolean;
  /** Seed of dropout in training mode. @defaultValue none */
  readonly seed?: number;
  /** A scalar of the model's output `[T, N, ...]`: a backward pass follows, which gradient norms need. @defaultValue none */
  readonly loss?: (output: Tensor) => Scalar;
}

/**
 * Measures a model in one pass of its own, with any number of probes, and leaves the model as it was.
 *
 * @param model any module whose children run through `run`
 * @param x a sequence `[T, N, ...]`, such as frames `[T, N, H, W, C]`
 * @param probes probes by names of your choice
 * @returns their results by these names
 * @throws RangeError when `x` has no time and batch axis or is empty, or a probe needs a loss and there is none
 *
 * @example
 * const net = network("c2-BN-IF-{SEW}*2-FC3", { height: 4, width: 4, zeroInit: true });
 * const probes = { rates: firingRateProbe(), ops: synOpsProbe() };
 * const { rates, ops } = await measure(net, ones([2, 1, 4, 4, 2]), probes);
 * Object.keys(rates.blocks); // ["block0", "block1"]
 * ops.layers["unit0.conv"].exact; // 800
 */
export async function measure<P extends Probes>(
  model: Module,
  x: Tensor,
  probes: P,
  { training = false, seed, loss }: MeasureOptions = {},
): Promise<Measured<P>> {
  return measureAs("measure", model, x, probes, { training, loss, ...(seed !== undefined && { seed }) });
}

/** {@link measure}, whose errors name the caller. */
export async function measureAs<P extends Probes>(
  caller: string,
  model: Module,
  x: Tensor,
  probes: P,
  { loss, ...context }: { training: boolean; seed?: number; loss?: MeasureOptions["loss"] | undefined },
): Promise<Measured<P>> {
  if (x.rank < 2 || x.size === 0) {
    throw new RangeError(
      `${caller}: x must be a sequence [T, N, ...] of at least one time-step and one sample, got shape [${x.shape}]`,
    );
  }
  const attached = attach(model, probes);
  const buffers = [...namedBuffers(model).values()].map((buffer) => [buffer, clone(buffer as Tensor)] as const);
  try {
    if (attached.needsGradient && loss === undefined) {
      throw new RangeError(`${caller}: loss must be a function of the output where gradients are measured, got none`);
    }
    const forward = () => run(model, x, { ...context, observe: attached.observe });
    if (loss === undefined) tidy(() => void forward());
    else backwardToTaps(() => loss(forward()));
  } catch (error) {
    attached.dispose();
    throw error;
  } finally {
    // At once: another measurement may begin while this one is read.
    for (const [buffer, before] of buffers) {
      if (context.training) buffer.assign(before);
      before.dispose();
    }
  }
  try {
    return await attached.read();
  } finally {
    attached.dispose();
  }
}

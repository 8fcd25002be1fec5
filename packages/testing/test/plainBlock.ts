/**
 * @file Blocks in float64 and plain loops, in PyTorch's order of axes: what the runner of reference cases is held against.
 * It shares no code with what it checks.
 */

/** FNV-1a and the mixing of fixtures/README.md, in exact integers. */
export function hash(name: string, n: number): number[] {
  const [M, mask] = [2n ** 32n, 2n ** 32n - 1n];
  let seed = 0x811c9dc5n;
  for (const byte of Buffer.from(name, "utf8")) seed = ((seed ^ BigInt(byte)) * 0x01000193n) & mask;
  return Array.from({ length: n }, (_, i) => {
    let h = (BigInt(i) * 0x9e3779b9n + seed) % M;
    h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask;
    h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask;
    return Number(h ^ (h >> 16n)) / 2 ** 32;
  });
}

/** A PyTorch state dict: shapes and values by key. */
export type State = Map<string, { readonly shape: readonly number[]; readonly values: number[] }>;

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The parameters of a case, from its tag. */
export function stateOf(tag: string, shapes: Readonly<Record<string, readonly number[]>>): State {
  return new Map(
    Object.entries(shapes).map(([key, shape]) => {
      const bound = shape.length === 4 ? Math.sqrt(6 / (shape[0]! * shape[2]! * shape[3]!)) : 1 / Math.sqrt(shape[1]!);
      const [lo, hi] = shape.length > 1 ? [-bound, bound] : key.endsWith("weight") ? [0.9, 1.3] : [-0.1, 0.3];
      const values = hash(`${tag}.${key}`, product(shape)).map((u) => Math.fround(lo + (hi - lo) * u));
      return [key, { shape, values }];
    }),
  );
}

/** Images `[M, C, H, W]`; M is T·N. */
export interface Images {
  readonly shape: readonly [number, number, number, number];
  readonly values: number[];
}

function convolve(x: Images, { shape, values: w }: { shape: readonly number[]; values: number[] }, s: number): Images {
  const [M, C, H, W] = x.shape;
  const [O, , k] = shape as [number, number, number];
  const pad = (k - 1) / 2;
  const [P, Q] = [Math.floor((H + 2 * pad - k) / s) + 1, Math.floor((W + 2 * pad - k) / s) + 1];
  const values: number[] = [];
  for (let m = 0; m < M; m++)
    for (let o = 0; o < O; o++)
      for (let p = 0; p < P; p++)
        for (let q = 0; q < Q; q++) {
          let sum = 0;
          for (let c = 0; c < C; c++)
            for (let a = 0; a < k; a++)
              for (let b = 0; b < k; b++) {
                const [i, j] = [p * s + a - pad, q * s + b - pad];
                if (i < 0 || j < 0 || i >= H || j >= W) continue;
                sum += x.values[((m * C + c) * H + i) * W + j]! * w[((o * C + c) * k + a) * k + b]!;
              }
          values.push(sum);
        }
  return { shape: [M, O, P, Q], values };
}

/** What a neuron layer does to the currents of one neuron. */
export type Activation = (currents: number[]) => number[];

export const relu: Activation = (x) => x.map((v) => Math.max(v, 0));

/** IF without τ, LIF with it; `vReset: null` is the soft reset. */
export function spiking({
  tau,
  vThreshold = 1,
  vReset = 0,
}: {
  tau?: number;
  vThreshold?: number;
  vReset?: number | null;
}): Activation {
  return (x) => {
    const rest = vReset ?? 0;
    let v = rest;
    return x.map((current) => {
      const h = tau === undefined ? v + current : v + (current - (v - rest)) / tau;
      const s = h >= vThreshold ? 1 : 0;
      v = s === 0 ? h : vReset === null ? h - vThreshold : vReset;
      return s;
    });
  };
}

/** A block's settings. */
export interface PlainBlock {
  readonly family: "sew" | "spiking" | "plain" | "ann" | "rba";
  readonly kernels: readonly number[];
  readonly stride: number;
  readonly steps: number;
  readonly activation: Activation;
  readonly connect?: (a: number, s: number) => number;
}

/** The block's output, and its running statistics after this one batch. */
export function runPlain(block: PlainBlock, state: State, x: Images): { y: Images; buffers: Record<string, number[]> } {
  const { family, kernels, stride, steps, activation } = block;
  const buffers: Record<string, number[]> = {};

  const unit = (input: Images, conv: string, norm: string, s: number): Images => {
    const z = convolve(input, state.get(`${conv}.weight`)!, s);
    const [M, C, P, Q] = z.shape;
    const n = M * P * Q;
    const channel = (i: number) => Math.floor(i / (P * Q)) % C;
    const mean = Array<number>(C).fill(0);
    const variance = Array<number>(C).fill(0);
    z.values.forEach((v, i) => {
      mean[channel(i)]! += v / n;
    });
    z.values.forEach((v, i) => {
      variance[channel(i)]! += (v - mean[channel(i)]!) ** 2 / n;
    });
    buffers[`${norm}.running_mean`] = mean.map((m) => 0.1 * m);
    buffers[`${norm}.running_var`] = variance.map((v) => 0.9 + (0.1 * v * n) / (n - 1));
    const [weight, bias] = [state.get(`${norm}.weight`)!.values, state.get(`${norm}.bias`)!.values];
    const values = z.values.map((v, i) => {
      const c = channel(i);
      return ((v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * weight[c]! + bias[c]!;
    });
    return { shape: z.shape, values };
  };
  const activate = ({ shape, values }: Images): Images => {
    const size = values.length / steps;
    const out = Array<number>(values.length);
    for (let i = 0; i < size; i++) {
      activation(Array.from({ length: steps }, (_, t) => values[t * size + i]!)).forEach((s, t) => {
        out[t * size + i] = s;
      });
    }
    return { shape, values: out };
  };
  const join = (a: Images, b: Images, g: (a: number, b: number) => number): Images => ({
    shape: a.shape,
    values: a.values.map((v, i) => g(v, b.values[i]!)),
  });

  // The stride is that of the first 3x3 convolution.
  const strided = kernels.indexOf(3);
  const closing = family === "sew" || family === "rba" || family === "plain";
  let f = x;
  kernels.forEach((_, j) => {
    f = unit(f, `conv${j + 1}`, `bn${j + 1}`, j === strided ? stride : 1);
    if (closing || j + 1 < kernels.length) f = activate(f);
  });
  if (family === "plain") return { y: f, buffers };
  let s = x;
  if (state.has("downsample.0.weight")) {
    s = unit(x, "downsample.0", "downsample.1", stride);
    if (closing) s = activate(s);
  }
  const sum = (a: number, b: number) => a + b;
  return { y: closing ? join(f, s, block.connect ?? sum) : activate(join(f, s, sum)), buffers };
}

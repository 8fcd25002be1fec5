/**
 * @file Weights and inputs of the reference cases. They are not stored: both sides compute them from a hash of the
 * name and the index, in PyTorch's order of axes.
 */
import { fromTorch as weightFromTorch, toTorch as weightToTorch } from "@sew/checkpoints";
import { type Tensor, tensor, transpose } from "@tensorflow/tfjs-core";

/** FNV-1a of the name's UTF-8 bytes, 32 bits. */
function fnv1a(name: string): number {
  return new TextEncoder().encode(name).reduce((h, byte) => Math.imul(h ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
}

/** n numbers in [0, 1), each from the name and its index alone. */
export function uniforms(name: string, n: number): Float64Array {
  const seed = fnv1a(name);
  return Float64Array.from({ length: n }, (_, i) => {
    let h = (Math.imul(i, 0x9e3779b9) + seed) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  });
}

/** n numbers in [lo, hi), rounded to float32. */
export function hashed(name: string, n: number, lo: number, hi: number): Float32Array {
  return Float32Array.from(uniforms(name, n), (u) => lo + (hi - lo) * u);
}

/** How many numbers a tensor of this shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The bounds that the cases use for the tensor with this state-dict key and PyTorch shape. */
function bounds(key: string, shape: readonly number[]): [lo: number, hi: number] {
  if (shape.length === 4) {
    const [out, , kh, kw] = shape as [number, number, number, number];
    const bound = Math.sqrt(6 / (out * kh * kw));
    return [-bound, bound];
  }
  if (shape.length === 2) return [-1 / Math.sqrt(shape[1]!), 1 / Math.sqrt(shape[1]!)];
  return key.endsWith("weight") ? [0.9, 1.3] : [-0.1, 0.3];
}

/** The parameter `key` of the case `tag`, of this PyTorch shape, in the order of axes used here; see {@link fromTorch}. */
export function hashedParameter(tag: string, key: string, shape: readonly number[], channels?: number): Tensor {
  return fromTorch(hashed(`${tag}.${key}`, sizeOf(shape), ...bounds(key, shape)), shape, channels);
}

/**
 * From PyTorch's order of axes to ours: sequences `[T, N, C, H, W]` → `[T, N, H, W, C]`, weights as in `@sew/checkpoints`.
 *
 * @param channels C of the images whose flattened values a linear weight reads. All its inputs by default.
 */
export function fromTorch(values: ArrayLike<number>, shape: readonly number[], channels?: number): Tensor {
  const torch = { shape, values: Float32Array.from(values) };
  if (shape.length === 5) return transpose(tensor(torch.values, [...shape]), [0, 1, 3, 4, 2]);
  const ours = weightFromTorch(torch, { ...(channels !== undefined && { channels }) });
  return tensor(ours.values, [...ours.shape]);
}

/** The inverse of {@link fromTorch}, as plain numbers. */
export function toTorch(t: Tensor, channels?: number): number[] {
  if (t.rank === 5) return [...transpose(t, [0, 1, 4, 2, 3]).dataSync()];
  const ours = { shape: t.shape, values: t.dataSync<"float32">() };
  return [...weightToTorch(ours, { ...(channels !== undefined && { channels }) }).values];
}

/** The shape that PyTorch gives to a parameter of this shape here. */
export function torchShape(shape: readonly number[]): number[] {
  const [kh, kw, from, to] = shape;
  return shape.length === 4 ? [to!, from!, kh!, kw!] : [...shape].reverse();
}

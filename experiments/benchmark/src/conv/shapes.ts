/** @file The convolutions of the paper's networks, with the inputs that they have there. */
import { type Conv2d, disposeModule, type Module, type Observer, run } from "@sew/layers";
import { keep, reshape, type Tensor, type Tensor4D, tensor, tidy } from "@tensorflow/tfjs-core";
import type { InputShape } from "../inputs.js";
import type { Subject } from "../rows.js";

/** A convolution of images of size x size pixels. */
export interface ConvShape {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly size: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** A convolution of one network or several. */
export interface Convolution extends ConvShape {
  /** The networks that have it. */
  readonly networks: string[];
  /** The input that it has in the first of them, `[T·N, size, size, inChannels]`, stored as it is there. */
  readonly x: Tensor4D;
}

/** The name of a shape, such as `3x3/2 64 to 128, 56x56`. */
export function shapeName({ kernel, stride, size, inChannels, outChannels }: ConvShape): string {
  const slides = stride === 1 ? "" : `/${stride}`;
  return `${kernel}x${kernel}${slides} ${inChannels} to ${outChannels}, ${size}x${size}`;
}

/**
 * Every shape of convolution of the networks once, with the input of one pass in training mode at the initial weights. The
 * caller disposes the inputs.
 *
 * @param batch sequences of a batch
 */
export function convolutionsOf(subjects: readonly Subject[], batch: number): Convolution[] {
  const found = new Map<string, Convolution>();
  for (const subject of subjects) {
    const [steps, , ...frame] = subject.shape;
    const shape: InputShape = [steps, batch, ...frame];
    const model = subject.build(shape, {});
    const observe: Observer = (module, _, input) => {
      const { geometry } = module as Module & Partial<Conv2d>;
      if (geometry === undefined || input().rank !== 5) return;
      const x = input();
      const [t, n, size, width, inChannels] = x.shape as [number, number, number, number, number];
      const { kernel, stride, padding } = geometry;
      const outChannels = (module as Conv2d).parameters.weight.shape[3]!;
      const convolution = { kernel, stride, padding, size, inChannels, outChannels };
      const name = shapeName(convolution);
      const known = found.get(name);
      if (known === undefined) {
        const kept = keep(reshape(x, [t * n, size, width, inChannels]) as Tensor4D);
        found.set(name, { ...convolution, networks: [subject.network], x: kept });
      } else if (!known.networks.includes(subject.network)) known.networks.push(subject.network);
    };
    tidy(() => {
      const x: Tensor = tensor(subject.input(shape), [...shape]);
      run(model, x, { training: true, seed: 0, observe });
    });
    disposeModule(model);
  }
  return [...found.values()].toSorted((a, b) => b.kernel - a.kernel || a.stride - b.stride || b.size - a.size);
}

/** @file The convolutions of the paper's networks, with the inputs that they have there. */
import { type Conv2d, disposeModule, type Observer, run } from "@sew/layers";
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
    const model = subject.build([steps, batch, ...frame], {});
    const pass = (shape: InputShape, receive: (shape: ConvShape, x: Tensor) => void) =>
      tidy(() => {
        const observe: Observer = (module, _, input) => {
          const { geometry, parameters } = module as Partial<Conv2d>;
          const x = input();
          // A linear layer has a geometry, too, and no images.
          if (geometry === undefined || x.rank !== 5) return;
          const { kernel, stride, padding } = geometry;
          const [size, , inChannels] = x.shape.slice(2) as [number, number, number];
          receive({ kernel, stride, padding, size, inChannels, outChannels: parameters!.weight.shape[3]! }, x);
        };
        const x: Tensor = tensor(subject.input(shape), [...shape]);
        run(model, x, { training: true, seed: 0, observe });
      });
    // A short pass finds the shapes; a whole one, which has the densities, is for the network with new ones.
    const names = new Set<string>();
    pass([1, 1, ...frame], (shape) => names.add(shapeName(shape)));
    for (const name of names) found.get(name)?.networks.push(subject.network);
    if ([...names].some((name) => !found.has(name))) {
      pass([steps, batch, ...frame], (shape, x) => {
        const name = shapeName(shape);
        if (found.has(name)) return;
        const [, , height, width, inChannels] = x.shape as [number, number, number, number, number];
        const images = keep(reshape(x, [-1, height, width, inChannels]) as Tensor4D);
        found.set(name, { ...shape, networks: [subject.network], x: images });
      });
    }
    disposeModule(model);
  }
  return [...found.values()].toSorted((a, b) => b.kernel - a.kernel || a.stride - b.stride || b.size - a.size);
}

/** @file The input of a network, which a case describes in words. */
import { type Tensor, tile } from "@tensorflow/tfjs-core";
import { fromTorch, hashed, sizeOf, uniforms } from "./hashed.js";

/** The input of a network, in the peer's order of axes. */
export interface NetworkInput {
  /** `[T, N, C, H, W]` */
  readonly shape: readonly [number, number, number, number, number];
  /** Its values as a tensor `[T, N, H, W, C]`. */
  values(): Tensor;
}

const number = String.raw`([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)`;
const sizes = String.raw`(N|\d+),(\d+),(\d+),(\d+)\]`;
/** Both forms, without their spaces. */
const images = new RegExp(String.raw`^uniform\(tag\+"\.x"\)in\[${number},${number}\],\[${sizes},repeatedoverT$`, "i");
const events = new RegExp(
  String.raw`^eventcounts:u=uniform\(tag\+"\.x"\);u<${number}\?floor\(u\*${number}\):0;\[(T|\d+),${sizes}$`,
  "i",
);
const forms =
  `'uniform(tag+".x") in [lo,hi], [N,C,H,W], repeated over T' or ` +
  `'event counts: u=uniform(tag+".x"); u<p ? floor(u*k) : 0; [T,N,C,H,W]'`;
/** An ImageNet batch of 32 over 4 steps has 2^24 values and some. */
const most = 2 ** 26;

/**
 * Reads the description of an input.
 *
 * @throws RangeError when it has neither of the two forms, or does not fit the case
 */
export function networkInput(c: {
  readonly tag: string;
  readonly input: string;
  readonly T: number;
  readonly N: number;
}): NetworkInput {
  const fail = (must: string): never => {
    throw new RangeError(`networkInput: input must ${must}, got ${JSON.stringify(c.input)}`);
  };
  const text = c.input.replaceAll(/\s/g, "");
  const image = images.exec(text);
  const event = events.exec(text);
  const [a, b, T, N, ...chw] = (image?.toSpliced(3, 0, "T") ?? event ?? fail(`read ${forms}`)).slice(1);
  for (const [name, written, is] of [
    ["T", T, c.T],
    ["N", N, c.N],
  ] as const) {
    if (written !== name && Number(written) !== is) fail(`agree with ${name} = ${is}`);
  }
  const [channels, height, width] = chw.map(Number) as [number, number, number];
  const shape = [c.T, c.N, channels, height, width] as const;
  const n = sizeOf(shape);
  if (!(n >= 1 && n <= most && channels <= 4096)) fail(`describe from 1 to ${most} values and at most 4096 channels`);
  const [low, high] = [Number(a), Number(b)];
  return {
    shape,
    values() {
      if (image === null) {
        return fromTorch(
          uniforms(`${c.tag}.x`, n).map((u) => (u < low ? Math.floor(u * high) : 0)),
          shape,
        );
      }
      const once = [1, ...shape.slice(1)];
      return tile(fromTorch(hashed(`${c.tag}.x`, sizeOf(once), low, high), once), [c.T, 1, 1, 1, 1]);
    },
  };
}

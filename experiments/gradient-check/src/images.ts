/** @file The images that the networks see. */
import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { fingerprint } from "@sew/datasets";
import { random } from "@sew/random";
import sharp from "sharp";

/** Images, and where they come from. */
export interface Images {
  /** `[N, size, size, 3]`, normalised as for ImageNet. */
  readonly values: Float32Array;
  /** What reports call them. */
  readonly description: string;
  readonly synthetic: boolean;
  readonly fingerprint: string;
}

const extensions: ReadonlySet<string> = new Set([".jpeg", ".jpg", ".png", ".webp"]);

const [MEAN, STD] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];

/** Of an image the central `size` x `size` pixels count, once its shorter side has 256 / 224 times as many. */
const MARGIN = 256 / 224;

/**
 * Images of a folder and the folders in it: `count` of all, at equal distances in the order of their paths.
 *
 * @throws RangeError when there is no such folder, or there are fewer
 */
export async function readImages(folder: string, count: number, size: number): Promise<Images> {
  const all = await readdir(folder, { recursive: true }).catch(({ code }: NodeJS.ErrnoException) => {
    const got = code === "ENOENT" ? "which does not exist" : `which cannot be read (${code})`;
    throw new RangeError(`--data: must name a folder of images, got ${folder}, ${got}; name another`);
  });
  const paths = all.filter((path) => extensions.has(extname(path).toLowerCase())).sort();
  if (paths.length < count) {
    throw new RangeError(
      `--data: the folder must hold ${count} images or more (${[...extensions].join(", ")}), got ${paths.length}; ` +
        "name another folder, or choose a smaller --batch",
    );
  }
  const chosen = Array.from({ length: count }, (_, i) => paths[Math.floor((i * paths.length) / count)]!);
  const values = new Float32Array(count * size * size * 3);
  for (const [i, path] of chosen.entries()) {
    const pixels = await decode(join(folder, path), size);
    values.set(normalised(pixels), i * pixels.length);
  }
  const description = `${count === 1 ? "1 image" : `${count} images`}: ${chosen.join(", ")}`;
  return { values, description, synthetic: false, fingerprint: fingerprintOf(values) };
}

async function decode(file: string, size: number): Promise<Uint8Array> {
  const shorter = Math.round(MARGIN * size);
  const resized = await sharp(file)
    .resize(shorter, shorter, { fit: "outside" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = resized.info;
  return sharp(resized.data, { raw: { width, height, channels } })
    .extract({ left: (width - size) >> 1, top: (height - size) >> 1, width: size, height: size })
    .raw()
    .toBuffer();
}

function normalised(pixels: Uint8Array): Float32Array {
  return Float32Array.from(pixels, (value, i) => (value / 255 - MEAN[i % 3]!) / STD[i % 3]!);
}

/** Waves that a synthetic image is made of, and what the amplitude of one is times its frequency. */
const [WAVES, AMPLITUDE] = [48, 0.42];

/**
 * Synthetic images: waves of random directions and phases whose amplitudes fall with their frequency, as in photographs,
 * and whose colours are mostly grey.
 */
export function syntheticImages(count: number, size: number): Images {
  const values = new Float32Array(count * size * size * 3);
  for (let n = 0; n < count; n++) {
    const draw = random(n);
    const waves = Array.from({ length: WAVES }, () => {
      const cycles = 40 ** draw.uniform();
      const angle = draw.uniform(0, 2 * Math.PI);
      const colour = [1, 1, 1].map((grey) => (AMPLITUDE / cycles ** 0.7) * (grey + 0.3 * draw.normal()));
      return { x: cycles * Math.cos(angle), y: cycles * Math.sin(angle), phase: draw.uniform(), colour };
    });
    for (let p = 0; p < size * size; p++) {
      const [x, y] = [(p % size) / size, Math.floor(p / size) / size];
      for (const wave of waves) {
        const height = Math.sin(2 * Math.PI * (wave.x * x + wave.y * y + wave.phase));
        for (let c = 0; c < 3; c++) values[(n * size * size + p) * 3 + c]! += wave.colour[c]! * height;
      }
    }
  }
  const description = `${count} synthetic images, sums of waves (no --data)`;
  return { values, description, synthetic: true, fingerprint: fingerprintOf(values) };
}

function fingerprintOf(values: Float32Array): string {
  return fingerprint({ values: Buffer.from(values.buffer).toString("base64") });
}

/** @file Image files, decoded by sharp. */

import { readRegular } from "@sew/files";
import type { Random } from "@sew/random";
import { FileFormatError } from "../fileFormatError.js";
import { type ChooseView, showView } from "../transforms/view.js";

/** What is decoded of an image, and how. */
export interface DecodeOptions {
  /** Opens messages. */
  readonly caller: string;
  /** 3 for colour (sRGB), 1 for grey. */
  readonly channels: 1 | 3;
  /** What is shown of the image. */
  readonly view: ChooseView;
  /** Random numbers for the view. */
  readonly random: Random;
}

/**
 * The bytes `[height, width, channels]` of a view of an image file.
 *
 * Grey, CMYK, 16-bit and transparent images become 8-bit sRGB (an alpha channel is dropped). Colour profiles of RGB images
 * and the rotation of Exif are ignored, as in Pillow and torchvision.
 *
 * @throws FileFormatError naming the file, when it is no image, or damaged
 */
export async function decodeImage(
  file: string,
  { caller, channels, view, random }: DecodeOptions,
): Promise<Uint8Array> {
  const sharp = await importSharp(caller);
  const fail = (got: string): never => {
    const remedy = "copy or download it again, or remove it";
    throw new FileFormatError({ reader: caller, file, must: "be an image that sharp decodes", got, remedy });
  };
  const encoded = await readRegular(caller, file);
  try {
    const image = sharp(encoded, { failOn: "error", ignoreIcc: true });
    const { width: columns, height: rows } = await image.metadata();
    const { from, height, width, crop } = view(rows, columns, random);
    // libvips enlarges a picture with a shift of half a pixel, so it decodes alone what is to be enlarged.
    const enlarged = height > from.height || width > from.width;
    image.extract(from);
    if (!enlarged) {
      // Shrinking while decoding would change the pixels.
      image.resize(width, height, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false }).extract(crop);
    }
    const { data, info } = await image
      .removeAlpha()
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) return fail(`${info.channels} channels`);
    if (!enlarged) return data;
    const part = { top: 0, left: 0, height: from.height, width: from.width };
    const shape = [1, from.height, from.width, channels];
    const values = showView(caller, data, shape, { from: part, height, width, crop });
    return new Uint8Array(Uint8ClampedArray.from(values).buffer);
  } catch (error) {
    if (error instanceof FileFormatError) throw error;
    // libvips adds a line for each of its warnings.
    return fail((error as Error).message.split("\n", 1)[0]!);
  }
}

/** The decoder, which not every user of this package wants to install. */
export async function importSharp(caller: string): Promise<typeof import("sharp").default> {
  try {
    return (await import("sharp")).default;
  } catch (error) {
    throw new Error(
      `${caller}: sharp must be installed to decode images, got: ${(error as Error).message}; run npm install sharp`,
      { cause: error },
    );
  }
}

/** @file Image files, decoded by sharp. */

import { readRegular } from "@sew/files";
import type { Random } from "@sew/random";
import type { Sharp } from "sharp";
import { FileFormatError } from "../fileFormatError.js";
import { type ChooseView, showView } from "../transforms/view.js";
import { words16 } from "./recording.js";

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
 * Grey, CMYK, 16-bit and transparent images become 8-bit sRGB (an alpha channel is dropped). Colour profiles and the
 * rotation of Exif are ignored, as in Pillow and torchvision.
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
    let image = sharp(encoded, { failOn: "error", ignoreIcc: true });
    const { width: columns, height: rows, space, depth } = await image.metadata();
    if (space === "cmyk") {
      const raw = { width: columns, height: rows, channels: 3 } as const;
      image = sharp(await cmykToRgb(image, depth === "ushort" ? 8 : 0), { raw });
    }
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

/**
 * The RGB bytes of a CMYK image by Pillow's formula, `R = (1 - C) (1 - K)` and so on; libvips would use a profile of inks.
 *
 * @param shift the bits of a value beyond the upper 8, which alone count
 */
async function cmykToRgb(image: Sharp, shift: number): Promise<Uint8Array> {
  // JPEG holds inverted values; libvips inverts them, whatever their Adobe marker says, as Pillow does.
  const inks = image.pipelineColourspace("cmyk").toColourspace("cmyk").removeAlpha();
  const cmyk = words16(await inks.raw({ depth: "ushort" }).toBuffer());
  const rgb = new Uint8Array((3 * cmyk.length) / 4);
  for (let i = 0, at = 0; i < cmyk.length; i += 4) {
    const white = 255 - (cmyk[i + 3]! >> shift);
    for (let c = 0; c < 3; c++) rgb[at++] = white - Math.round(((cmyk[i + c]! >> shift) * white) / 255);
  }
  return rgb;
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

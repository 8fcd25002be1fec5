import type { Picture } from "../frameStrip.js";
import { type Html, html } from "./html.js";

/** Width of a frame on the page, in CSS pixels, where there is room for it. */
export const frameWidth = 230;
/** Narrowest frame, below which a strip scrolls sideways. */
const NARROWEST = 40;
/** Pixels of a frame below which it is certainly enlarged. */
const SMALL = 112;

/**
 * A picture, such as that of `frameStrip`, in the page itself. Small pictures are enlarged with sharp pixels.
 *
 * @param alt what the picture shows, for screen readers
 * @param columns frames side by side in the picture: the more there are, the wider it is shown. @defaultValue 1
 *
 * @example
 * const strip = frameStrip(new Uint8Array(4 * 8 * 8 * 2), [4, 8, 8, 2]);
 * picture(strip, "4 frames without events", 4).text.includes('alt="4 frames without events"'); // true
 */
export function picture({ png, width, height }: Picture, alt: string, columns = 1): Html {
  const source = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  const size = `min-width:${NARROWEST * columns}px;max-width:${frameWidth * columns}px`;
  const enlarged = width < SMALL * columns && html` class="enlarged"`;
  return html`<div class="scroll"><img src="${source}" width="${width}" height="${height}" alt="${alt}" style="${size}"${enlarged}></div>`;
}

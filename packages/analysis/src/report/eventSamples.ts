import { eventFrameStrip } from "../eventFrameStrip.js";
import type { ReportSample } from "../reportData.js";
import { whole } from "./format.js";
import { type Html, html } from "./html.js";
import { key } from "./key.js";

/** Frames in a row. */
const ACROSS = 8;
/** Pixels that the page has for a row; narrower pictures are enlarged, and stay sharp. */
const PAGE = 900;

/** Samples as the network sees them: a strip of frames for each. */
export function eventSamples(samples: readonly ReportSample[]): Html | undefined {
  if (samples.length === 0) return undefined;
  return html`<section>
<h2>Samples</h2>
<p>Event frames, time from left to right and then down. ${key("on", "ON, brighter")} ${key("off", "OFF, darker")}</p>
${samples.map(strip)}
</section>`;
}

function strip({ className, frames, shape }: ReportSample): Html {
  const [steps = 0, rows, cols] = shape;
  const columns = Math.max(1, Math.ceil(steps / Math.ceil(steps / ACROSS)));
  const { png, width, height } = eventFrameStrip(frames, shape, { columns });
  const [off, on] = polarities(frames);
  const label = `${steps} frames of ${rows} x ${cols} pixels, ${whole(on)} ON and ${whole(off)} OFF events`;
  return html`<figure class="sample"><figcaption><b>${className}</b>, ${label}</figcaption>
<div class="scroll"><img src="data:image/png;base64,${Buffer.from(png).toString("base64")}" width="${width}" height="${height}" alt="${className}: ${label}"${width < PAGE ? html` class="enlarged"` : undefined}></div>
</figure>`;
}

function polarities(frames: ArrayLike<number>): [number, number] {
  let [off, on] = [0, 0];
  for (let i = 0; i < frames.length; i += 2) {
    off += frames[i]!;
    on += frames[i + 1]!;
  }
  return [off, on];
}

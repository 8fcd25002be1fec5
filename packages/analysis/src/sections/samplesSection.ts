import { frameStrip } from "../frameStrip.js";
import { short, whole } from "../page/format.js";
import { type Html, html } from "../page/html.js";
import { frameWidth, picture } from "../page/picture.js";
import { type Section, section } from "../page/section.js";
import { key } from "../page/series.js";

/** A sample of the data, as the network receives it. */
export interface Sample {
  /** The name of its class. */
  readonly className: string;
  /** Its values in row-major order, channels last. Those of 2 channels are counts of events, OFF before ON. */
  readonly frames: ArrayLike<number>;
  /** `[T, H, W, C]`. */
  readonly shape: readonly number[];
  /** The name of the class that the network predicts. @defaultValue not shown */
  readonly predicted?: string;
}

/** How {@link samplesSection} draws. */
export interface SamplesOptions {
  /** Longest side of a drawn frame in pixels, as in `frameStrip`: keeps pages of many samples small. @defaultValue every pixel is drawn */
  readonly longestSide?: number;
}

/** Frames in a row. */
const ACROSS = 8;

/**
 * Samples as the network receives them, a strip of frames for each; see `frameStrip` for their colours. Those whose prediction is
 * wrong come first.
 *
 * @param title the heading. @defaultValue `"Samples"`
 * @returns no section where there are no samples
 * @throws RangeError when the frames of a sample do not fit its shape
 *
 * @example
 * const sample = { className: "cat", frames: new Float32Array(8 * 8 * 3), shape: [1, 8, 8, 3] };
 * samplesSection([sample])?.text.includes("1 picture of 8 x 8 pixels, red, green and blue"); // true
 */
export function samplesSection(
  samples: readonly Sample[],
  title = "Samples",
  options: SamplesOptions = {},
): Section | undefined {
  if (samples.length === 0) return undefined;
  const sequences = samples.some(({ shape }) => shape[0]! > 1);
  const events = samples.some(({ shape }) => shape[3] === 2);
  const lead = html`<p>${sequences && "Time runs from left to right and then down."}${
    events && html` ${key("on", "ON, brighter")} ${key("off", "OFF, darker")}`
  }</p>
`;
  return section(
    title,
    (sequences || events) && lead,
    html`<div class="samples">${wrongFirst(samples).map((sample) => figure(sample, options))}</div>`,
  );
}

function isWrong({ className, predicted }: Sample): boolean {
  return predicted !== undefined && predicted !== className;
}

function wrongFirst(samples: readonly Sample[]): Sample[] {
  return samples.toSorted((a, b) => Number(isWrong(b)) - Number(isWrong(a)));
}

function figure(sample: Sample, options: SamplesOptions): Html {
  const { className, predicted, frames, shape } = sample;
  const [steps = 0, rows, cols, channels = 0] = shape;
  const columns = Math.max(1, Math.ceil(steps / Math.ceil(steps / ACROSS)));
  const strip = frameStrip(frames, shape, { columns, ...options });
  const size = steps === 1 ? `1 picture of ${rows} x ${cols} pixels` : `${steps} frames of ${rows} x ${cols} pixels`;
  const label = `${size}, ${strip.range === undefined ? eventsOf(frames) : valuesOf(channels, strip.range)}`;
  return html`
<figure style="width:${frameWidth * columns}px"><figcaption><b>${className}</b>${
    predicted !== undefined &&
    html`, <span class="${isWrong(sample) ? "mistaken" : "recognised"}">${isWrong(sample) ? `✗ predicted as ${predicted}` : "✓ recognised"}</span>`
  }, ${label}</figcaption>
${picture(strip, `${className}${isWrong(sample) ? `, predicted as ${predicted}` : ""}: ${label}`, columns)}
</figure>`;
}

function eventsOf(frames: ArrayLike<number>): string {
  let [off, on] = [0, 0];
  for (let i = 0; i < frames.length; i += 2) {
    off += frames[i]!;
    on += frames[i + 1]!;
  }
  return `${whole(on)} ON and ${whole(off)} OFF events`;
}

/** What the channels are drawn as, and which values are black and white. */
function valuesOf(channels: number, [black, white]: readonly [number, number]): string {
  const drawn = channels === 1 ? "grey" : channels === 3 ? "red, green and blue" : `mean of ${channels} channels`;
  return `${drawn} from ${short(black)} to ${short(white)}`;
}

/** @file Colour and dashes of the lines and bars of charts: a name has its colour on every page, and no two lines look alike. */
import { type Content, type Html, html } from "./html.js";

const colours = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"] as const;
const dashes = ["solid", "dashed", "dotted", "dash-dot"] as const;

/** How ECharts and the page's script draw the dashes, in pixels. */
const patterns = { solid: "solid", dashed: [7, 4], dotted: [2, 3], "dash-dot": [8, 3, 2, 3] } as const;

/** Lines of one colour that still differ: by their dashes, then by a shade towards the text, then towards the page. */
const shades = [undefined, "var(--ink)", "var(--page)"] as const;

/** The most lines of a chart: as many as differ where all have one colour. */
export const mostSeries: number = dashes.length * shades.length;

/** How a line or bar looks. */
export interface SeriesStyle {
  /** A colour of the page, such as `var(--first)`. */
  readonly colour: string;
  readonly dash: (typeof dashes)[number];
  /** As ECharts takes them. */
  readonly pattern: "solid" | readonly number[];
}

/** Names that have a colour of their own on every page: the parts of the data, and the paper's families. */
const fixed: readonly (readonly [pattern: RegExp, colour: number])[] = [
  [/^test$/, 0],
  [/^train$/, 1],
  [/^validation$/, 2],
  [/\bsew[ -]iand\b/i, 2],
  [/\bsew[ -]and\b/i, 3],
  [/\bsew\b/i, 0],
  [/\btd[ -]bn\b/i, 7],
  [/\bspiking\b/i, 1],
  [/\bplain\b/i, 4],
  [/\bann\b/i, 5],
  [/\brba\b/i, 6],
];

/**
 * The look of each line or bar of a chart. Families of the paper and parts of the data have fixed colours, other names one by
 * their hash, or the next that is free in the chart; series without a name go by their position. Names that agree up to a comma,
 * such as `"T = 4"` and `"T = 4, published"`, share a colour, and differ in their dashes.
 */
export function stylesOf(names: readonly Content[]): SeriesStyle[] {
  const keys = names.map((name) => (typeof name === "string" && name !== "" ? name.split(",")[0]! : undefined));
  const colourOfKey = new Map<string, number>();
  const others = new Set<string>();
  for (const key of keys) {
    const colour = key === undefined ? undefined : fixed.find(([pattern]) => pattern.test(key))?.[1];
    if (colour !== undefined) colourOfKey.set(key!, colour);
    else if (key !== undefined) others.add(key);
  }
  for (const key of [...others].sort()) {
    const taken = new Set(colourOfKey.values());
    const first = hashOf(key) % colours.length;
    const free = colours.map((_, i) => (first + i) % colours.length).find((colour) => !taken.has(colour));
    colourOfKey.set(key, free ?? first);
  }
  const seen = colours.map(() => 0);
  return keys.map((key, i) => {
    const colour = (key === undefined ? undefined : colourOfKey.get(key)) ?? i % colours.length;
    return styleOf(colour, seen[colour]!++);
  });
}

/** The look of a colour's nth line. */
function styleOf(colour: number, n: number): SeriesStyle {
  const dash = dashes[n % dashes.length]!;
  const shade = shades[Math.floor(n / dashes.length) % shades.length];
  const plain = `var(--${colours[colour]!})`;
  return {
    colour: shade === undefined ? plain : `color-mix(in srgb, ${plain} 55%, ${shade})`,
    dash,
    pattern: patterns[dash],
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The legend of a chart: a sample of each line or bar, then its name. Series without names have none. */
export function legend(names: readonly Content[], styles: readonly SeriesStyle[], shape: "line" | "square"): Html {
  return html`${names.map((name, i) => {
    if (name === undefined || name === "") return undefined;
    const { colour, dash } = styles[i]!;
    const looks = shape === "line" ? `line ${dash}` : "square";
    return html` <span class="key"><i class="${looks}" style="color:${colour}"></i>${name}</span>`;
  })}`;
}

/** A sample of one of the page's colours, then what it stands for. */
export function key(colour: string, name: Content): Html {
  return html`<span class="key"><i class="square ${colour}"></i>${name}</span>`;
}

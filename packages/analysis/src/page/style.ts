import { eventColours } from "../eventColours.js";

const rgb = (colour: readonly number[]) => `rgb(${colour.join(" ")})`;

/** The colours of the page, light and dark. */
export const palette = `:root {
  color-scheme: light dark;
  --page: #fff; --ink: #1c2128; --muted: #5f6874; --line: #dfe3e8; --soft: #f5f6f8;
  --first: #1f6fb5; --second: #c26a00; --third: #1a7f5a; --fourth: #8250a8;
    --fifth: #c43c35; --sixth: #0f7d92; --seventh: #b8407f; --eighth: #6f6550; --strong: #fff; --right: #15548c; --wrong: #8f3d06; --note: #8a5a00;
  --on: ${rgb(eventColours.on)}; --off: ${rgb(eventColours.off)};
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --ink: #e4e7eb; --muted: #9aa4b0; --line: #2c323a; --soft: #1c2026;
    --first: #64aeea; --second: #e39a3f; --third: #56c596; --fourth: #bb94e4;
    --fifth: #f08378; --sixth: #50c0d2; --seventh: #ec88b9; --eighth: #b9ad95; --strong: #10141a; --right: #6db4ee; --wrong: #e58a4a; --note: #d6a545;
  }
}`;

/** The style sheet of the page: light, dark, print and narrow screens. */
export const style = `
${palette}
@media print {
  :root {
    --page: #fff; --ink: #000; --muted: #444; --line: #ccc; --soft: #fff;
    --first: #1f6fb5; --second: #c26a00; --third: #1a7f5a; --fourth: #8250a8;
    --fifth: #c43c35; --sixth: #0f7d92; --seventh: #b8407f; --eighth: #6f6550; --strong: #fff; --right: #15548c; --wrong: #8f3d06; --note: #8a5a00;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; -webkit-text-size-adjust: 100%; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 1rem; padding-bottom: 0.35rem; border-bottom: 1px solid var(--line); font-size: 1.2rem; font-weight: 650; }
p { margin: 0 0 1rem; }
.subtitle { margin: 0.3rem 0 0; color: var(--muted); font-size: 1.05rem; }
.notes { margin: 1.25rem 0 0; padding: 0.6rem 1rem; border-left: 3px solid var(--note); background: var(--soft); list-style: none; }
.lead + .notes { margin: 0 0 1.25rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1px; margin: 1.5rem 0 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.tiles > div { padding: 0.75rem 1rem; box-shadow: 0 0 0 1px var(--line); }
dt { color: var(--muted); font-size: 0.82rem; }
dd { margin: 0.1rem 0 0; font-size: 1.3rem; font-weight: 600; line-height: 1.25; white-space: nowrap; }
.detail { margin: 0; color: var(--muted); font-size: 0.82rem; font-weight: 400; white-space: normal; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.75rem 2.5rem; align-items: start; }
figure { margin: 0; break-inside: avoid; }
figcaption, .lead { margin-bottom: 0.5rem; color: var(--muted); font-size: 0.9rem; }
.lead { margin-bottom: 1.25rem; }
figcaption b { color: var(--ink); font-weight: 600; }
:not(g) > svg { display: block; width: 100%; max-width: 32rem; height: auto; overflow: visible; }
.key { display: inline-block; margin-left: 0.75em; overflow-wrap: anywhere; }
.key i { display: inline-block; margin-right: 0.4em; }
.on { color: var(--on); } .off { color: var(--off); }
.square { width: 0.75em; height: 0.75em; border-radius: 2px; background: currentColor; }
.line { width: 1.8em; height: 2.5px; vertical-align: 0.25em; }
.solid { background: currentColor; }
.dashed { background: repeating-linear-gradient(90deg, currentColor 0 7px, transparent 7px 11px); }
.dotted { background: repeating-linear-gradient(90deg, currentColor 0 2px, transparent 2px 5px); }
.dash-dot { background: repeating-linear-gradient(90deg, currentColor 0 8px, transparent 8px 11px, currentColor 11px 13px, transparent 13px 16px); }
.ring { width: 0.7em; height: 0.7em; border: 2.5px solid; border-radius: 50%; }
svg[data-chart] { touch-action: pan-y; }
svg[data-chart]:focus-visible, .scroll:focus-visible { outline: 2px solid var(--first); outline-offset: 3px; }
.cursor line { stroke: var(--muted); stroke-width: 1; } .cursor { pointer-events: none; }
.zoom { float: right; margin-left: 0.5rem; }
.zoom button { width: 1.7rem; height: 1.5rem; margin-left: 0.25rem; padding: 0; border: 1px solid var(--line); border-radius: 4px; background: var(--soft); color: var(--ink); font: inherit; line-height: 1; cursor: pointer; }
.zoom button:disabled { opacity: 0.4; cursor: default; }
.tip { position: absolute; z-index: 1; max-width: min(24rem, calc(100vw - 1rem)); padding: 0.4rem 0.6rem; border: 1px solid var(--line); border-radius: 5px; background: var(--page); box-shadow: 0 2px 10px rgb(0 0 0 / 20%); font-size: 0.82rem; line-height: 1.4; pointer-events: none; overflow-wrap: anywhere; }
.tip[hidden] { display: none; }
.tip > b { font-weight: 600; }
.tip div { display: flex; gap: 0.4rem; align-items: baseline; }
.tip div i { flex: none; } .tip div b { margin-left: auto; padding-left: 0.8rem; font-weight: 600; white-space: nowrap; }
sup { line-height: 0; font-size: 0.75em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.87rem; }
th { font-weight: 400; text-align: left; }
.numbers { width: 100%; }
.numbers th, .numbers td { padding: 0.22rem 0 0.22rem 1rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
.numbers th:first-child { padding-left: 0; text-align: left; }
.numbers th[scope="row"], .wrapped .numbers :is(th, td), .mistakes td:nth-child(2) { max-width: 20rem; white-space: normal; overflow-wrap: break-word; }
.numbers thead th { color: var(--muted); font-size: 0.8rem; vertical-align: bottom; }
section > figure + *, section > .pair + *, section > .scroll + * { margin-top: 1.75rem; }
.mistakes td:nth-child(2), .mistakes th:nth-child(2) { text-align: left; }
details { margin-top: 1.25rem; }
summary { cursor: pointer; color: var(--first); font-size: 0.9rem; }
details .scroll { margin-top: 0.75rem; }
.confusion { margin: 0 auto 0 0; border-spacing: 2px; border-collapse: separate; }
.confusion th[scope="row"] { max-width: 16rem; padding-right: 0.6rem; overflow-wrap: anywhere; text-align: right; position: sticky; left: 0; background: var(--page); }
.confusion thead th { padding: 0 0 0.4rem; vertical-align: bottom; text-align: center; }
.confusion thead th span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; line-height: 1.3; max-height: 13rem; overflow: hidden; text-overflow: ellipsis; }
.confusion thead th:first-child { position: sticky; left: 0; background: var(--page); color: var(--muted); text-align: right; padding-right: 0.6rem; }
.confusion thead th:first-child span { writing-mode: horizontal-tb; transform: none; }
.confusion td { min-width: 2.5rem; height: 2rem; padding: 0 0.35rem; border-radius: 3px; background: var(--soft); text-align: center; }
.confusion .none { color: color-mix(in srgb, var(--muted) 45%, transparent); }
.confusion .right { background: color-mix(in srgb, var(--right) var(--share), var(--soft)); }
.confusion .wrong { background: color-mix(in srgb, var(--wrong) var(--share), var(--soft)); }
.confusion .strong { color: var(--strong); }
.confusion td.recall { background: none; text-align: right; padding-left: 0.75rem; }
.confusion .recall { color: var(--muted); }
.confusion thead th.recall { text-align: right; padding-right: 0.35rem; }
.confusion th.recall span { writing-mode: horizontal-tb; transform: none; }
img { display: block; width: 100%; height: auto; }
.samples { display: flex; flex-wrap: wrap; gap: 1.5rem 1.75rem; }
.samples figure { max-width: 100%; }
.mistaken { color: var(--wrong); font-weight: 600; } .recognised { color: var(--third); }
.enlarged { image-rendering: pixelated; }
.settings { width: 100%; }
.settings th { width: 1%; padding: 0.2rem 2rem 0.2rem 0; color: var(--muted); white-space: nowrap; vertical-align: top; }
.settings td { padding: 0.2rem 0; overflow-wrap: anywhere; }
.settings tr { border-bottom: 1px solid var(--line); }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  .numbers th[scope="row"], .wrapped .numbers :is(th, td), .mistakes td:nth-child(2) { max-width: 9rem; }
  .numbers thead th { font-size: 0.77rem; white-space: normal; }
  .numbers th, .numbers td { padding-left: 0.6rem; }
  .confusion { border-spacing: 1px; }
  .confusion th[scope="row"] { max-width: 4.5rem; padding-right: 0.3rem; line-height: 1.15; font-size: 0.65rem; }
  .confusion thead th:first-child span { max-width: 4.5rem; white-space: normal; font-size: 0.65rem; }
  .confusion thead th.recall, .confusion td, .confusion td.recall { min-width: 0; height: 1.6rem; padding: 0; font-size: 0.54rem; }
  .settings th { padding-right: 1rem; white-space: normal; }
}
@media print {
  .zoom, .tip { display: none; }
  html { font-size: 12px; }
  body { max-width: none; padding: 0; font-size: 12px; }
  .pair { grid-template-columns: 1fr 1fr; }
  .tiles { grid-template-columns: repeat(6, auto); }
  details { display: none; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
}
`;

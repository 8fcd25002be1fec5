/** @file Numbers as people read them. A number that is not finite becomes a dash. */

/** A narrow space at which no line breaks. */
const NO_BREAK = "\u202f";

/** A format that writes numbers that are not finite as a dash. */
function finite(format: (value: number) => string): (value: number) => string {
  return (value) => (Number.isFinite(value) ? format(value) : "–");
}

/** A fraction in per cent: 0.9341 is "93.4 %". */
export const percent = finite((value) => `${(100 * value).toFixed(1)}${NO_BREAK}%`);

/** A fraction in per cent without zeros at the end: 0.25 is "25 %". */
export const shortPercent = finite((value) => `${Number((100 * value).toFixed(1))}${NO_BREAK}%`);

/** A number with a fixed number of digits after the point. */
export function fixed(digits: number): (value: number) => string {
  return finite((value) => value.toFixed(digits));
}

/** Three significant digits, without zeros at the end: 0.001, 0.000063. */
export const short = finite((value) => String(Number(value.toPrecision(3))));

/** A whole number with its thousands separated: 130938 is "130 938". */
export const whole = finite((value) =>
  Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, NO_BREAK),
);

/** A time in seconds: "8.4 s", "4 min 05 s", "2 h 03 min". */
export const duration = finite((value) => {
  if (value < 60) return `${value.toFixed(1)}${NO_BREAK}s`;
  const seconds = Math.round(value);
  if (seconds < 3600) return both(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(value / 60);
  return both(Math.floor(minutes / 60), "h", minutes % 60, "min");
});

function both(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return [large, largeUnit, String(small).padStart(2, "0"), smallUnit].join(NO_BREAK);
}

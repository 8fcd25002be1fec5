/** @file Options of the command line: how a text becomes a value, and what is said of a wrong one. */
import { InvalidArgumentError } from "commander";
import { closest, distance } from "fastest-levenshtein";
import type { Settings } from "./settings.js";

/** An option of an experiment's own; {@link integer}, {@link number}, {@link choice} and {@link flag} make one. */
export interface OwnOption<T> {
  /** For `--help`. */
  readonly description: string;
  /** The value in `--help`, such as `<n>`. @defaultValue none: a flag that takes no value */
  readonly value?: string;
  /**
   * The value of a text. Throws `InvalidArgumentError` of commander, with a sentence, when it is wrong.
   * @defaultValue the text itself
   */
  readonly parse?: (text: string) => T;
  /** The value without the option and without a recipe's. */
  readonly default: T;
  /**
   * Settings that a flag decides: the option of each is refused with another value, and with any where it is `undefined`.
   * @defaultValue none
   */
  readonly fixes?: Partial<Settings>;
  /** What errors call it when they advise to pass it to a function, `labelProblems: "warn"`. @defaultValue nothing */
  readonly standsFor?: string;
}

/**
 * An option that takes an integer.
 *
 * @example
 * integer("residual blocks", { least: 1, default: 7 }).parse?.("4"); // 4
 */
export function integer(
  description: string,
  { least, default: value }: { readonly least: number; readonly default: number },
): OwnOption<number> {
  return { description, value: "<n>", parse: parseInteger(least), default: value };
}

/**
 * An option that takes a finite number in a range, without its ends.
 *
 * @example
 * number("part of the pixels", { above: 0, below: 1, default: 0.5 }).default; // 0.5
 */
export function number(
  description: string,
  { default: value, ...range }: Range & { readonly default: number },
): OwnOption<number> {
  return { description, value: "<x>", parse: parseNumber(range), default: value };
}

/**
 * An option that takes one of several words, and suggests the nearest for any other.
 *
 * @example
 * choice("colours", ["grey", "rgb"], "rgb").value; // "<name>"
 */
export function choice<const T extends string>(
  description: string,
  names: readonly T[],
  value: NoInfer<T>,
): OwnOption<T> {
  return { description: `${description}: ${names.join(", ")}`, value: "<name>", parse: oneOf(names), default: value };
}

/**
 * An option without a value, and its negation: `--lenient` and `--no-lenient`.
 *
 * @example
 * flag("warn instead of stopping").default; // false
 */
export function flag(
  description: string,
  { default: value = false, ...other }: Partial<Pick<OwnOption<boolean>, "default" | "fixes" | "standsFor">> = {},
): OwnOption<boolean> {
  return { description, default: value, ...other };
}

/** A parser of one of several words, which suggests the nearest for any other. */
export function oneOf<const T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    const near = closest(text, [...names]);
    // Half of the letters at most: any two short words are alike otherwise, and of numbers the nearest is no misspelling.
    const likely = Number.isNaN(Number(text)) && distance(text, near) <= Math.min(3, near.length / 2);
    const suggestion = likely ? ` Did you mean ${near}?` : "";
    throw new InvalidArgumentError(`It must be one of ${names.join(", ")}.${suggestion}`);
  };
}

/** A parser of integers of at least `least`. */
export function parseInteger(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
    }
    return value;
  };
}

/** A parser of a number of frames, or `all`. */
export function parseFrames(text: string): number | "all" {
  return text.toLowerCase() === "all" ? "all" : parseInteger(1)(text);
}

/** A parser of a list of seeds, each once. */
export function parseSeeds(text: string): readonly number[] {
  const seeds = text.split(",").map((part) => parseInteger(0)(part));
  if (new Set(seeds).size < seeds.length) throw new InvalidArgumentError("It must name each seed once.");
  return seeds;
}

/** The range of a number. */
export interface Range {
  /** The value is at least this. @defaultValue no limit */
  readonly least?: number;
  /** The value is above this. @defaultValue no limit */
  readonly above?: number;
  /** The value is below this. @defaultValue no limit */
  readonly below?: number;
}

/** A parser of finite numbers in a range. */
export function parseNumber({ least, above, below }: Range): (text: string) => number {
  const limits = [
    ...(least === undefined ? [] : [`of at least ${least}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return (text) => {
    const value = Number(text);
    const fits =
      text.trim() !== "" &&
      Number.isFinite(value) &&
      value >= (least ?? value) &&
      value > (above ?? Number.NEGATIVE_INFINITY) &&
      value < (below ?? Number.POSITIVE_INFINITY);
    if (!fits) throw new InvalidArgumentError(`It must be a number ${limits.join(" and ")}.`.replace(" .", "."));
    return value;
  };
}

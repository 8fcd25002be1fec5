/** @file What a measuring process says: a JSON object a line, with one of these keys. */

/** Values of a message by its key. */
export interface Message {
  /** Versions of what computes, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Parameters of each layer that has some, in the network's order. */
  readonly layers: readonly number[];
  /** Shape of the class scores. */
  readonly output: readonly number[];
  /** Seconds of a pass before those that count; the first one compiles. */
  readonly warmUp: number;
  /** Seconds of a pass. */
  readonly seconds: number;
  /** Largest resident size of the process, in bytes. */
  readonly peak: number;
  /** Why the process ends without figures. */
  readonly failed: string;
  /** The package that Python has not, by the name under which pip installs it. */
  readonly missing: string;
}

const isNumber = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === "string";
const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNumber);

const valid: Readonly<Record<keyof Message, (value: unknown) => boolean>> = {
  versions: (value) => typeof value === "object" && value !== null && Object.values(value).every(isText),
  layers: isNumbers,
  output: isNumbers,
  warmUp: isNumber,
  seconds: isNumber,
  peak: isNumber,
  failed: isText,
  missing: isText,
};

/** The message of a line; undefined where it is none, as what a library prints. */
export function parseMessage(line: string): Partial<Message> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const entries = Object.entries(value);
  const known = ([key, each]: [string, unknown]) => Object.hasOwn(valid, key) && valid[key as keyof Message](each);
  return entries.length > 0 && entries.every(known) ? (value as Partial<Message>) : undefined;
}

/** @file The paper's notation of networks, such as `c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11`, read into items. */
import { type BlockFactory, blocks } from "@sew/blocks";
import { distance, shown } from "@sew/kernels";
import { type ActivationFactory, neurons, parallelNeurons, relus } from "@sew/layers";
import { type MembraneParams, neuronModels, type ParallelNeuronModel, parallelNeuronModels } from "@sew/neurons";

/** What the names of a notation stand for. */
export interface Vocabulary {
  /** Neurons by name, such as `PLIF`. */
  readonly neurons: Readonly<Record<string, ActivationFactory>>;
  /** Blocks by name, such as `SEW ADD`; the word `Block` may follow each. */
  readonly blocks: Readonly<Record<string, BlockFactory>>;
}

/**
 * The names that every notation has: all neuron models, parallel ones and blocks, `ReLU`, and `SEW` for SEW ADD.
 *
 * @param steps T, of which some parallel neurons have weights
 */
export function vocabulary(steps?: number): Vocabulary {
  const recurrent = Object.entries(neuronModels).map(([name, model]): [string, ActivationFactory] => [
    name,
    neurons<MembraneParams, string>(model),
  ]);
  const parallel = Object.entries<ParallelNeuronModel<object>>(parallelNeuronModels).map(
    // Which neurons a notation has shows later: one without them needs no T.
    ([name, model]): [string, ActivationFactory] => [name, (channels) => parallelNeurons(model, { steps })(channels)],
  );
  return {
    neurons: { ...Object.fromEntries([...recurrent, ...parallel]), ReLU: relus() },
    blocks: { SEW: blocks["SEW ADD"], ...blocks },
  };
}

/** The content of an item. */
export type Said =
  | {
      readonly kind: "conv";
      readonly channels: number;
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
    }
  | { readonly kind: "norm" }
  | { readonly kind: "neurons"; readonly name: string }
  | { readonly kind: "block"; readonly name: string; readonly channels: number | undefined }
  | { readonly kind: "maxPool" | "avgPool"; readonly size: number; readonly stride: number }
  | { readonly kind: "dropout" }
  | { readonly kind: "linear"; readonly features: number };

/** An item, and where it stands in the notation. */
export type Item = Said & { readonly text: string; readonly at: number };

/** The most items of a network, repetitions counted. */
const MOST_ITEMS = 1000;
/** The largest number in an item. */
const LARGEST = 2 ** 20;

type Sizes = Partial<Record<"channels" | "kernel" | "stride" | "padding" | "size" | "features", number>>;
type Read = (sizes: Sizes, name: string) => Said;

/** A form of an item: in `pattern`, `#name` is a number of that name, and a space may be left out. */
function form(pattern: string, read: Read): { readonly pattern: RegExp; readonly read: Read } {
  const source = pattern.replaceAll(" ", " ?").replaceAll(/#(\w+)/g, "(?<$1>\\d+)");
  return { pattern: new RegExp(`^${source}$`), read };
}

/** One of the names, which have their spaces. */
const oneOf = (names: object) => `(?<name>${Object.keys(names).join("|").replaceAll(" ", "\\s")})`;

/** The forms of items that no name of the vocabulary changes. */
const fixedForms = [
  form(
    "c #channels (?:k #kernel)? (?:s #stride)? (?:p #padding)?",
    ({ channels, kernel = 3, stride = 1, padding = Math.floor(kernel / 2) }) => ({
      kind: "conv",
      channels: channels!,
      kernel,
      stride,
      padding,
    }),
  ),
  form("BN", () => ({ kind: "norm" })),
  form("MP k #size (?:s #stride)?", ({ size, stride = size }) => ({ kind: "maxPool", size: size!, stride: stride! })),
  form("AP k #size (?:s #stride)?", ({ size, stride = size }) => ({ kind: "avgPool", size: size!, stride: stride! })),
  form("DP", () => ({ kind: "dropout" })),
  form("FC #features", ({ features }) => ({ kind: "linear", features: features! })),
];

/** The forms of items whose names are of the vocabulary. */
function namedForms({ neurons, blocks }: Vocabulary): typeof fixedForms {
  return [
    form(oneOf(neurons), (_, name) => ({ kind: "neurons", name })),
    form(`${oneOf(blocks)}(?:\\sBlock)? (?:\\( c #channels \\))?`, ({ channels }, name) => ({
      kind: "block",
      name,
      channels,
    })),
  ];
}

/** Throws unless every name of one's own can be told from the other items of the vocabulary. */
export function checkVocabulary(names: Vocabulary, own: Partial<Vocabulary>): void {
  for (const kind of ["neurons", "blocks"] as const) {
    const other = kind === "neurons" ? names.blocks : names.neurons;
    for (const name of Object.keys(own[kind] ?? {})) {
      const taken =
        fixedForms.some(({ pattern }) => pattern.test(name)) ||
        Object.hasOwn(other, name) ||
        (name.endsWith(" Block") && Object.hasOwn(names.blocks, name.slice(0, -" Block".length)));
      if (!/^[A-Za-z][A-Za-z0-9]*( [A-Za-z0-9]+)*$/.test(name) || taken) {
        throw new RangeError(
          `network: a name of ${kind} must be words of letters and digits that no other item has, got ${shown(name)}`,
        );
      }
    }
  }
}

const itemForms = "such as c32k3s1, BN, PLIF, SEW Block(c32), MPk2s2, DP or FC10";

/** Valid items, one of which a typo may stand for. */
function examplesOf({ neurons, blocks }: Vocabulary): string[] {
  return [
    ...["c32", "c32k3", "c32k3s1", "c32k3s1p1", "c32k3p1", "BN", ...Object.keys(neurons), "DP", "FC10"],
    ...["MP", "AP"].flatMap((pool) => [`${pool}k2`, `${pool}k2s2`]),
    ...Object.keys(blocks).flatMap((name) => ["", " Block"].flatMap((b) => [`${name}${b}`, `${name}${b}(c32)`])),
  ];
}

/** The valid item that is nearest to a text, with the text's numbers where they fit; none where nothing is near. */
function nearest(text: string, names: Vocabulary): string | undefined {
  const numbers = /\d+/g;
  // A longer text is no typo.
  const shape = (item: string, number: string) => item.slice(0, 40).replaceAll(numbers, number).toLowerCase();
  const far = (example: string, number: string) => distance(shape(text, number), shape(example, number));
  // Letters first: where a number is missing they are all there.
  const [best] = examplesOf(names)
    .map((example) => ({ example, letters: far(example, ""), all: far(example, "0") }))
    .sort((a, b) => a.letters - b.letters || a.all - b.all);
  if (best === undefined || 2 * best.letters > shape(text, "").length) return undefined;
  const own = text.match(numbers) ?? [];
  if (own.length !== (best.example.match(numbers) ?? []).length) return best.example;
  const filled = best.example.replaceAll(numbers, () => own.shift()!);
  // The numbers of a name are its own.
  return [...fixedForms, ...namedForms(names)].some(({ pattern }) => pattern.test(filled)) ? filled : best.example;
}

/** The error of what stands at an offset of the notation, which it shows with a caret under it. */
export function refusal(notation: string, at: number, must: string, got: string, remedy?: string): RangeError {
  return placed(notation, at, `${must}, got ${got}`, remedy);
}

/** The error of a layer that an item stands for, with the item's place. */
export function refusedLayer(notation: string, at: number, error: RangeError): RangeError {
  const [said, ...remedies] = error.message.split("; ");
  return placed(notation, at, said!, remedies.length === 0 ? undefined : remedies.join("; "));
}

function placed(notation: string, at: number, said: string, remedy?: string): RangeError {
  // As much as a line of a terminal holds.
  const from = Math.max(0, at - 60);
  // One character each, so that the caret stays below its place; a terminal would obey a control character.
  const line = notation
    .slice(from, at + 40)
    .replaceAll(/\s/g, " ")
    .replaceAll(/\p{Cc}|\p{Bidi_Control}/gu, "\ufffd");
  const hint = remedy === undefined ? "" : `; ${remedy}`;
  return new RangeError(`network: ${said} at offset ${at}${hint}\n  ${line}\n  ${" ".repeat(at - from)}^`);
}

const quoted = (text: string) => shown(text.length > 40 ? `${text.slice(0, 40)}…` : text);

function readItem(notation: string, text: string, at: number, names: Vocabulary): Item {
  const plain = text.replaceAll(/\s+/g, " ");
  for (const { pattern, read } of [...fixedForms, ...namedForms(names)]) {
    const found = pattern.exec(plain);
    if (found === null) continue;
    const { name = "", ...digits } = found.groups ?? {};
    const sizes: Record<string, number> = {};
    for (const [size, value] of Object.entries(digits)) {
      if (value === undefined) continue;
      const [number, least] = [Number(value), size === "padding" ? 0 : 1];
      if (number < least || number > LARGEST) {
        throw refusal(notation, at, `the ${size} of an item must be from ${least} to ${LARGEST}`, quoted(plain));
      }
      sizes[size] = number;
    }
    return { ...read(sizes, name), text: plain, at };
  }
  const meant = nearest(plain, names);
  const remedy = meant === undefined ? undefined : `did you mean ${quoted(meant)}?`;
  throw refusal(notation, at, `items must be ${itemForms}`, quoted(plain), remedy);
}

/**
 * The items of a notation, in order, repetitions written out.
 *
 * @throws RangeError when the notation has an error, with its offset and a caret under it, or more than 1000 items
 */
export function parseNotation(notation: string, names: Vocabulary): Item[] {
  if (typeof notation !== "string") {
    throw new TypeError(`network: notation must be a text such as "c32k3s1-BN-PLIF-FC10", got ${shown(notation)}`);
  }
  let at = 0;
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(notation) ?? [""];
    at += found.length;
    return found;
  };
  const take = (pattern: RegExp): string => {
    match(/\s*/y);
    return match(pattern);
  };
  const refuse = (must: string, remedy?: string): RangeError =>
    refusal(
      notation,
      at,
      `notation must have ${must}`,
      at < notation.length ? quoted(notation[at]!) : "nothing",
      remedy,
    );

  /** The items of the notation itself, and of every brace that is open. */
  const groups: { readonly open: number; readonly items: Item[] }[] = [{ open: 0, items: [] }];
  const append = (items: readonly Item[], times: number): void => {
    const into = groups.at(-1)!.items;
    const total = into.length + items.length * times;
    if (total > MOST_ITEMS) {
      throw refusal(notation, at, `notation must have at most ${MOST_ITEMS} items with all repetitions`, String(total));
    }
    for (let i = 0; i < times; i++) into.push(...items);
  };

  do {
    while (take(/\{/y) !== "") groups.push({ open: at - 1, items: [] });
    const text = take(/[^-{}*]*/y);
    if (text === "") throw refuse("an item", `items are ${itemForms}`);
    append([readItem(notation, text.trimEnd(), at - text.length, names)], 1);
    while (take(/\}/y) !== "") {
      if (groups.length === 1) {
        at--;
        throw refuse('a "{" for every "}"');
      }
      if (take(/\*/y) === "") throw refuse('"*" and a number behind every "}"');
      const digits = take(/\d*/y);
      at -= digits.length;
      if (!(Number(digits) >= 1)) throw refuse('a number of at least 1 behind "*"');
      const { items } = groups.pop()!;
      append(items, Number(digits));
      at += digits.length;
    }
  } while (take(/-/y) !== "");
  if (at < notation.length) throw refuse('"-" between items', "write what is repeated as {...}*2");
  if (groups.length > 1) {
    at = groups.at(-1)!.open;
    throw refuse('a "}" for every "{"');
  }
  return groups[0]!.items;
}

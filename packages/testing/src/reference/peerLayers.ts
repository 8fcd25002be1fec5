/** @file Where the peer's layers are in a module here. */
import { type Module, namedParameters } from "@sew/layers";
import type { Variable } from "@tensorflow/tfjs-core";

/** Modules by the peer's names of them. */
export type PeerLayers = ReadonlyMap<string, Module>;
type Named = [peer: string, module: Module | undefined][];

const layersOf = (named: Named): PeerLayers =>
  new Map(named.filter((entry): entry is [string, Module] => entry[1] !== undefined));
const under = (prefix: string, layers: PeerLayers): Named =>
  [...layers].map(([name, module]) => [`${prefix}.${name}`, module]);

/** A convolution, its norm and its neurons: `0`, `1`, `2`. */
function unitLayers({ children }: Module, neuron?: Module): PeerLayers {
  return layersOf([
    ["0", children?.conv],
    ["1", children?.norm],
    ["2", children?.neuron ?? neuron],
  ]);
}

/**
 * The layers of a block: `conv1`, `bn1`, `sn1`, … and `downsample.0`, … as the ResNets have them, and `a.0`, `a.1`, `a.2`,
 * …, `sn` as the event networks do, or `0` to `5` for a block that is one sequence. Neurons after the sum are the last unit's `sn2` (or `sn3`) too.
 */
export function blockLayers(block: Module): PeerLayers {
  const { shortcut, neuron, ...units } = block.children ?? {};
  const last = Object.keys(units).length;
  const named = Object.entries(units).flatMap(([letter, unit], i): Named => {
    const layers = unitLayers(unit, i + 1 === last ? neuron : undefined);
    return [
      ...under(letter, layers),
      ...[...layers].map(([at, layer]): Named[number] => [`${3 * i + Number(at)}`, layer]),
      [`conv${i + 1}`, layers.get("0")],
      [`bn${i + 1}`, layers.get("1")],
      [`sn${i + 1}`, layers.get("2")],
    ];
  });
  const downsample = shortcut === undefined ? layersOf([]) : unitLayers(shortcut);
  return layersOf([
    ...named,
    ["sn", neuron],
    ...under("downsample", downsample),
    ["downsample_sn", downsample.get("2")],
  ]);
}

/** The layers of a ResNet: `conv1`, `bn1`, `sn1`, `layer<1-4>.<i>.<layer of the block>`, `fc`. */
export function resNetLayers({ children = {} }: Module): PeerLayers {
  const { stem, classifier, ...rest } = children;
  const stages = Object.entries(rest).filter(([name]) => name.startsWith("stage"));
  return layersOf([
    ["conv1", stem?.children?.conv],
    ["bn1", stem?.children?.norm],
    ["sn1", stem?.children?.neuron],
    ...stages.flatMap(([, { children: blocks = {} }], s) =>
      Object.values(blocks).flatMap((block, i) => under(`layer${s + 1}.${i}`, blockLayers(block))),
    ),
    ["fc", classifier],
  ]);
}

type Kind = "unit" | "block" | "linear" | undefined;

function kindOfModule({ children = {}, parameters = {} }: Module): Kind {
  if ("conv" in children) return "unit";
  if ("a" in children) return "block";
  return "weight" in parameters ? "linear" : undefined;
}

/** What the peer has at a position, from the keys below it. */
function kindOfKeys(keys: readonly string[]): Kind {
  if (keys.some((key) => /^[a3]\./.test(key))) return "block";
  if (keys.some((key) => key.startsWith("0."))) return "unit";
  return keys.includes("weight") ? "linear" : undefined;
}

/**
 * The layers of a network whose keys start with positions, such as `3.a.0.weight`. The positions count pooling and
 * flattening, which have no keys: its keys say what is at a position, and the peer's i-th block is the i-th here.
 */
export function eventNetLayers(net: Module, keys: readonly string[]): PeerLayers {
  const groups = new Map<number, string[]>();
  for (const key of keys) {
    const [, position, rest] = /^(\d+)\.(.+)$/.exec(key) ?? [];
    if (position !== undefined) groups.set(Number(position), [...(groups.get(Number(position)) ?? []), rest!]);
  }
  const own = Object.values(net.children ?? {});
  const taken = { unit: 0, block: 0, linear: 0 };
  const next = (kind: Kind) => kind && own.filter((module) => kindOfModule(module) === kind)[taken[kind]++];
  return layersOf(
    [...groups]
      .sort(([a], [b]) => a - b)
      .flatMap(([position, rest]): Named => {
        const kind = kindOfKeys(rest);
        const module = next(kind);
        if (module === undefined) return [];
        if (kind === "linear") return [[`${position}`, module]];
        return under(`${position}`, kind === "unit" ? unitLayers(module) : blockLayers(module));
      }),
  );
}

const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
const buffers: ReadonlyMap<string, string> = new Map([
  ["running_mean", "runningMean"],
  ["running_var", "runningVar"],
]);

/** The parameter or buffer that the peer calls `key`, such as `bn1.weight`. */
export function findVariable(layers: PeerLayers, key: string): Variable | undefined {
  const dot = key.lastIndexOf(".");
  if (dot < 0) return undefined;
  const [module, leaf] = [layers.get(key.slice(0, dot)), key.slice(dot + 1)];
  return own(module?.parameters, leaf) ?? own(module?.buffers, buffers.get(leaf) ?? leaf);
}

/**
 * How many channels what a linear weight reads had before it was flattened, for each such weight of a module: the
 * outputs of the layer before it.
 */
export function channelsRead(module: Module): Map<Variable, number> {
  const found = new Map<Variable, number>();
  let before: number | undefined;
  for (const parameter of namedParameters(module).values()) {
    if (parameter.rank === 2 && before !== undefined) found.set(parameter, before);
    if (parameter.rank >= 2) before = parameter.shape.at(-1)!;
  }
  return found;
}

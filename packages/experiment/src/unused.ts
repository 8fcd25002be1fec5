/** @file Which options have no effect in which setting: the one place that knows. */
import type { Experiment } from "./experiment.js";
import { hasNeurons } from "./model.js";
import { type OptimizerSetting, optimizers } from "./optimization.js";
import type { Settings } from "./settings.js";

type AnyExperiment = Pick<Experiment, "datasets" | "modelUses">;

/** Settings of the kit that recordings alone use, and why others do not. */
const ofRecordings = { names: ["frames", "by"], why: "which has no recordings to cut into frames" } as const;

/** Settings of the kit that still images alone use, and why others do not. */
const ofStills = { names: ["steps"], why: "whose samples have time-steps of their own" } as const;

/** The data sets that use a setting, and those that do not. */
export function usersOf(
  { datasets }: AnyExperiment,
  name: string,
): { readonly with: string[]; readonly without: string[] } {
  const all = Object.entries(datasets);
  const named = name === "truncated" || all.some(([, { uses = [] }]) => (uses as readonly string[]).includes(name));
  const use = ([, { uses = [], recordings, sequences = recordings !== undefined }]: (typeof all)[number]): boolean => {
    if ((ofRecordings.names as readonly string[]).includes(name)) return recordings !== undefined;
    if ((ofStills.names as readonly string[]).includes(name)) return !sequences;
    return !named || (uses as readonly string[]).includes(name);
  };
  return {
    with: all.filter(use).map(([dataset]) => dataset),
    without: all.filter((each) => !use(each)).map(([dataset]) => dataset),
  };
}

/** The settings that have no effect on a run, by their names, and with what. */
export function unusedIn(
  experiment: AnyExperiment,
  { dataset, model, block, optimizer }: Pick<Settings, "dataset" | "model" | "block" | "optimizer">,
): Map<string, string> {
  const unused = new Map<string, string>();
  const add = (names: readonly string[], why: string): void => {
    for (const name of names) if (!unused.has(name)) unused.set(name, why);
  };
  const own = Object.values(experiment.datasets).flatMap(({ uses = [] }) => uses as readonly string[]);
  for (const { names, why } of [ofRecordings, ofStills, { names: own, why: "" }]) {
    const without = names.filter((name) => usersOf(experiment, name).without.includes(dataset));
    add(without, `with --dataset ${dataset}${why === "" ? "" : `, ${why}`}`);
  }
  if (!hasNeurons(block))
    add(["neuron", "surrogate", "neuronRate"], `with --block ${block}, which has no spiking neurons`);
  if (model !== undefined) add((experiment.modelUses ?? []) as readonly string[], "with --model");
  const { has }: { readonly has: readonly OptimizerSetting[] } = optimizers[optimizer];
  add(
    (["momentum", "nesterov"] as const).filter((name) => !has.includes(name)),
    `with --optimizer ${optimizer}`,
  );
  return unused;
}

/** The settings that have no effect, as is seen once data of so many steps and a network are there. */
export function unusedOnceBuilt(
  { dataset }: Pick<Settings, "dataset">,
  { steps, learns }: { readonly steps: number; readonly learns: boolean },
): Map<string, string> {
  const image: readonly [string, string] = ["trainFrames", `with --dataset ${dataset}, whose samples have one frame`];
  return new Map([
    ...(steps > 1
      ? ofStills.names.map((name) => [name, `with --dataset ${dataset}, ${ofStills.why}`] as const)
      : [image]),
    ...(learns ? [] : [["neuronRate", "on neurons without learned parameters such as PLIF's w"] as const]),
  ]);
}

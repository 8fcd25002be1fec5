/** @file All that can be measured, by name. Each is measured in a process of its own. */
import { measureNetwork } from "./network.js";
import { nameOf, rows } from "./rows.js";
import { layerName, layers, measureLayer } from "./sweep.js";

type Measure = (runs: number) => Promise<unknown>;

/** The rows of the table. */
export const ofTable: ReadonlyMap<string, Measure> = new Map<string, Measure>([
  ...rows.map((row): [string, Measure] => [nameOf(row), (runs) => measureNetwork(row, runs)]),
]);

/** The layers of the density sweep. */
export const ofSweep: ReadonlyMap<string, Measure> = new Map(
  layers.map((layer) => [layerName(layer), (runs) => measureLayer(layer, runs)]),
);

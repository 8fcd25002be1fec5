/** @file All that can be measured, by name. Each is measured in a process of its own. */
import { measureConvolutions } from "./convolution.js";
import { measureNetwork } from "./network.js";
import { nameOf, rows } from "./rows.js";
import { layerName, layers, measureLayer } from "./sweep.js";

export const CONVOLUTIONS = "dense conv3x3";

type Measure = (runs: number) => Promise<unknown>;

/** The rows of the table, and what else is measured beside them. */
export const ofTable: ReadonlyMap<string, Measure> = new Map<string, Measure>([
  ...rows.map((row): [string, Measure] => [nameOf(row), (runs) => measureNetwork(row, runs)]),
  [CONVOLUTIONS, measureConvolutions],
]);

/** The layers of the density sweep. */
export const ofSweep: ReadonlyMap<string, Measure> = new Map(
  layers.map((layer) => [layerName(layer), (runs) => measureLayer(layer, runs)]),
);

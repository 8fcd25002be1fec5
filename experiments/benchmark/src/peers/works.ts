/** @file What both sides compute: the ordinary rows of the networks that the peer has, too. */
import { nameOf, ordinaryOf, type Row, rows } from "../rows.js";
import type { Way } from "./ways.js";

const networks = ["7B-Net", "SEW-ResNet-18", "SEW-ResNet-50"];

/** The works by name. */
export const works: ReadonlyMap<string, Row> = new Map(
  rows
    .filter((row) => networks.includes(row.network) && ordinaryOf(row) === undefined)
    .map((row) => [nameOf(row), row]),
);

/** Those of the ways that are for the pass of a work. */
export function waysFor(name: string, ways: readonly Way[]): readonly Way[] {
  return ways.filter(({ pass }) => pass === undefined || pass === works.get(name)!.pass);
}

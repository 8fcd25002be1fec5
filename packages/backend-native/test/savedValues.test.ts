/** @file What the backward pass of neurons saves. */
import type { NeuronProgram } from "@sew/kernels";
import { alif, integrateAndFire, klif, lif, type Neuron, neuron, plif, qif } from "@sew/neurons";
import { scalar } from "@tensorflow/tfjs-core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { savedValues } from "../src/savedValues.js";
import { type CutNode, smallestCut } from "../src/smallestCut.js";
import { evaluated, exactNeurons } from "./programs.js";

/** The outputs of the backward program for one element, from what `record` computes of the first inputs. */
function throughSaved(neuron: NeuronProgram, inputs: readonly number[]): number[] {
  const { saved, record, backward } = savedValues(neuron);
  const forward = inputs.slice(0, neuron.forward.inputs.length);
  const computed = evaluated(record, forward);
  const variable = neuron.state.length + 1;
  const values = saved.map((of) => (of < variable ? forward[of]! : computed.shift()!));
  // Behind them the state after the step is left.
  expect(computed).toEqual(evaluated(neuron.forward, forward).slice(1));
  return evaluated(backward, [...values, ...inputs.slice(variable)]);
}

it("gives the gradients of the backward program, from no more values than this reads", () =>
  fc.assert(
    fc.property(exactNeurons, fc.infiniteStream(fc.float({ noNaN: true, min: -4, max: 4 })), (program, stream) => {
      const inputs = program.backward.inputs.map(() => stream.next().value as number);
      expect(throughSaved(program, inputs)).toEqual(evaluated(program.backward, inputs));
      expect(savedValues(program).saved.length).toBeLessThanOrEqual(program.state.length + 1);
    }),
    { numRuns: 2000 },
  ));

it.each<[string, () => Neuron, readonly number[]]>([
  ["of IF the charged potential", () => neuron(integrateAndFire), [2]],
  ["of LIF the charged potential", () => neuron(lif), [2]],
  ["of KLIF the potential before it is scaled", () => neuron(klif, { k: scalar(1) }), [2]],
  [
    "of PLIF the change, which the gradient of w reads, and the charged potential",
    () => neuron(plif, { w: scalar(0) }),
    [2, 2],
  ],
  ["of QIF the potential before the step, and the charged potential", () => neuron(qif), [0, 2]],
  ["of ALIF the distance from the threshold, of two variables", () => neuron(alif), [3]],
])("saves %s", (_, make, saved) => {
  expect(savedValues(make().program!).saved).toEqual(saved);
});

/** Graphs of a few nodes, each of which has the numbers of some before it. */
const graphs: fc.Arbitrary<CutNode[]> = fc
  .array(
    fc.record({
      before: fc.array(fc.nat(99), { maxLength: 3 }),
      cost: fc.integer({ min: 1, max: 3 }),
      isTarget: fc.boolean(),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((nodes) =>
    nodes.map(({ before, cost, isTarget }, number) => ({
      number,
      cost,
      isTarget,
      of: number === 0 ? [] : [...new Set(before.map((pick) => pick % number))],
    })),
  );

/** Whether a path from a source to a target avoids these nodes. */
function isOpen(nodes: readonly CutNode[], cut: ReadonlySet<number>): boolean {
  const reached = new Set<number>();
  for (const { number, of } of nodes) {
    if (!cut.has(number) && (of.length === 0 || of.some((before) => reached.has(before)))) reached.add(number);
  }
  return nodes.some(({ number, isTarget }) => isTarget && reached.has(number));
}

it("finds the cheapest nodes on all paths to targets", () =>
  fc.assert(
    fc.property(graphs, (nodes) => {
      const costOf = (cut: readonly CutNode[]) => cut.reduce((sum, { cost }) => sum + cost, 0);
      const found = smallestCut(nodes);
      expect(isOpen(nodes, new Set(found))).toBe(false);
      let least = Number.POSITIVE_INFINITY;
      for (let bits = 0; bits < 2 ** nodes.length; bits++) {
        const cut = nodes.filter((_, i) => (bits >> i) % 2 === 1);
        if (!isOpen(nodes, new Set(cut.map(({ number }) => number)))) least = Math.min(least, costOf(cut));
      }
      expect(costOf(nodes.filter(({ number }) => found.includes(number)))).toBe(least);
    }),
    { numRuns: 500 },
  ));

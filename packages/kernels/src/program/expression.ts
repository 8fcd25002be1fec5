/** @file The operations that a trace records: a graph of what was computed from what, before it is a program. */
import type { Rate } from "./program.js";
import { highest, type Op, type ProgramBuilder } from "./programBuilder.js";

/** What gradients do at an operation that has no derivative: pass as 0, as tfjs has it, or throw this error. */
export type WithoutDerivative = "zero" | (() => Error);

/** A value that a trace has seen. Values are numbered in the order in which they were computed. */
export type Expression = { readonly id: number; readonly rate: Rate } & (
  | { readonly kind: "input" }
  | { readonly kind: "constant"; readonly value: number }
  | {
      readonly kind: "op";
      readonly op: Op;
      readonly of: readonly Expression[];
      readonly derivative?: WithoutDerivative;
    }
  /** The same value, cut from the gradient. */
  | { readonly kind: "detach"; readonly of: readonly [Expression] }
  /** The value, with `slope` for its derivative by `of`. */
  | {
      readonly kind: "withSlope";
      readonly value: Expression;
      readonly of: readonly [Expression];
      readonly slope: Expression;
    }
);

let last = 0;

export function inputExpression(rate: Rate): Expression {
  return { id: last++, kind: "input", rate };
}

export function constantExpression(value: number): Expression {
  return { id: last++, kind: "constant", value: Math.fround(value), rate: "scalar" };
}

export function opExpression(op: Op, of: readonly Expression[], derivative?: WithoutDerivative): Expression {
  return {
    id: last++,
    kind: "op",
    op,
    of,
    rate: highest(of.map(({ rate }) => rate)),
    ...(derivative !== undefined && { derivative }),
  };
}

export function detachExpression(of: Expression): Expression {
  return { id: last++, kind: "detach", of: [of], rate: of.rate };
}

export function slopeExpression(value: Expression, of: Expression, slope: Expression): Expression {
  return { id: last++, kind: "withSlope", value, of: [of], slope, rate: value.rate };
}

/** All expressions that these are computed from, themselves included, slopes too. */
export function ancestors(roots: readonly Expression[]): Set<Expression> {
  const all = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (all.has(e)) return;
    all.add(e);
    if ("of" in e) e.of.forEach(visit);
    if (e.kind === "withSlope") [e.value, e.slope].forEach(visit);
  };
  roots.forEach(visit);
  return all;
}

/**
 * Writes expressions into a program.
 *
 * @param inputs the number of each input
 * @returns the number of an expression's value
 */
export function lowering(
  builder: ProgramBuilder,
  inputs: ReadonlyMap<Expression, number>,
): (expression: Expression) => number {
  const done = new Map(inputs);
  const lower = (e: Expression): number => {
    const known = done.get(e);
    if (known !== undefined) return known;
    const number = lowered(e);
    done.set(e, number);
    return number;
  };
  const lowered = (e: Expression): number => {
    switch (e.kind) {
      case "input":
        throw new Error("lowering: an input has no number");
      case "constant":
        return builder.constant(e.value);
      case "op":
        return builder.op(e.op, ...e.of.map(lower));
      case "detach":
        return lower(e.of[0]);
      case "withSlope":
        return lower(e.value);
    }
  };
  return lower;
}

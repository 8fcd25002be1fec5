/** @file The operations that a trace records: a graph of what was computed from what, before it is a program. */
import type { Rate } from "./program.js";
import { highest, type Op, type ProgramBuilder } from "./programBuilder.js";
import { walk } from "./walk.js";

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

/**
 * Whether two expressions of two traces compute the same from the same.
 *
 * @param known the expressions of the first trace for those of the second that are known to be, to which these are added
 */
export function isSame(a: Expression, b: Expression, known: Map<Expression, Expression>): boolean {
  if (a === b) return true;
  const before = known.get(b);
  if (before !== undefined) return before === a;
  const [of, other] = [operandsOf(a), operandsOf(b)];
  const same =
    a.rate === b.rate &&
    nodeOf(a) === nodeOf(b) &&
    of.length === other.length &&
    of.every((operand, i) => isSame(operand, other[i]!, known));
  if (same) known.set(b, a);
  return same;
}

/** An expression without what it is computed from. */
function nodeOf(e: Expression): string {
  if (e.kind === "op") return `${e.op} ${typeof e.derivative}`;
  return e.kind === "constant" ? `${Object.is(e.value, -0) ? "-0" : e.value}` : e.kind;
}

/** What an expression is computed from, slopes included. */
function operandsOf(e: Expression): readonly Expression[] {
  if (e.kind === "withSlope") return [...e.of, e.value, e.slope];
  return "of" in e ? e.of : [];
}

/** All expressions that these are computed from, themselves included, slopes too. */
export function ancestors(roots: readonly Expression[]): Set<Expression> {
  const all = new Set<Expression>();
  walk(roots, operandsOf, (e) => all.add(e));
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
  const operands = (e: Expression): readonly Expression[] => {
    if (done.has(e) || e.kind === "input" || e.kind === "constant") return [];
    return e.kind === "withSlope" ? [e.value] : e.of;
  };
  const lowered = (e: Expression): number => {
    const numbers = operands(e).map((operand) => done.get(operand)!);
    switch (e.kind) {
      case "input":
        throw new Error("lowering: an input has no number");
      case "constant":
        return builder.constant(e.value);
      case "op":
        return builder.op(e.op, ...numbers);
      default:
        return numbers[0]!;
    }
  };
  return (expression) => {
    walk([expression], operands, (e) => {
      if (!done.has(e)) done.set(e, lowered(e));
    });
    return done.get(expression)!;
  };
}

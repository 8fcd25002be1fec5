import type { Expression } from "./expression.js";
import type { ProgramBuilder } from "./programBuilder.js";
import { walk } from "./walk.js";

/** Gradients of an operation's operands, `undefined` where none arrives: from its gradient, its operands and its value. */
type Rule = (b: ProgramBuilder, dy: number, of: readonly number[], y: number) => readonly (number | undefined)[];

const always = (factor: (b: ProgramBuilder, x: number, y: number) => number): Rule => {
  return (b, dy, [x], y) => [b.op("mul", dy, factor(b, x!, y))];
};

/** The derivatives that tfjs has, at kinks too: |x| falls at 0, and of two equal values the first is the larger and the smaller. */
const rules: Readonly<Record<string, Rule>> = {
  neg: (b, dy) => [b.op("neg", dy)],
  abs: always((b, x) => b.op("select", b.op("less", b.constant(0), x), b.constant(1), b.constant(-1))),
  sqrt: (b, dy, _, y) => [b.op("div", dy, b.op("mul", y, b.constant(2)))],
  exp: always((_b, _x, y) => y),
  log: (b, dy, [x]) => [b.op("div", dy, x!)],
  sigmoid: always((b, _, y) => b.op("mul", y, b.op("sub", b.constant(1), y))),
  tanh: always((b, _, y) => b.op("sub", b.constant(1), b.op("mul", y, y))),
  sin: always((b, x) => b.op("cos", x)),
  cos: always((b, x) => b.op("neg", b.op("sin", x))),
  atan: (b, dy, [x]) => [b.op("div", dy, b.op("add", b.op("mul", x!, x!), b.constant(1)))],
  erf: always((b, x) => {
    return b.op("mul", b.op("exp", b.op("neg", b.op("mul", x, x))), b.constant(2 / Math.sqrt(Math.PI)));
  }),
  add: (_, dy) => [dy, dy],
  sub: (b, dy) => [dy, b.op("neg", dy)],
  mul: (b, dy, [x, y]) => [b.op("mul", dy, y!), b.op("mul", dy, x!)],
  div: (b, dy, [x, y]) => [b.op("div", dy, y!), b.op("neg", b.op("div", b.op("mul", dy, x!), b.op("mul", y!, y!)))],
  max: (b, dy, [x, y]) => [b.op("mul", dy, b.op("lessEqual", y!, x!)), b.op("mul", dy, b.op("less", x!, y!))],
  min: (b, dy, [x, y]) => [b.op("mul", dy, b.op("lessEqual", x!, y!)), b.op("mul", dy, b.op("less", y!, x!))],
  pow: (b, dy, [x, exponent], y) => {
    const zero = b.constant(0);
    const power = b.op("pow", x!, b.op("sub", exponent!, b.constant(1)));
    const logarithm = b.op("select", b.op("less", zero, x!), b.op("log", x!), zero);
    return [b.op("mul", dy, b.op("mul", exponent!, power)), b.op("mul", dy, b.op("mul", y, logarithm))];
  },
  select: (b, dy, [condition]) => {
    const zero = b.constant(0);
    return [undefined, b.op("select", condition!, dy, zero), b.op("select", condition!, zero, dy)];
  },
};

/** A value, and the number of its gradient. */
export interface Seed {
  readonly of: Expression;
  readonly gradient: number;
}

/**
 * Writes the backward pass of some expressions into a program: reverse mode, over each element by itself.
 *
 * @param lower gives the number of an expression's value
 * @param seeds the expressions and their gradients
 * @param by the inputs to differentiate by
 * @returns the numbers of the gradients of `by`
 */
export function differentiate(
  builder: ProgramBuilder,
  lower: (expression: Expression) => number,
  seeds: readonly Seed[],
  by: readonly Expression[],
): number[] {
  const path = pathFrom(
    seeds.map(({ of }) => of),
    by,
  );
  const gradients = new Map<Expression, number>();
  const receive = (e: Expression, gradient: number | undefined): void => {
    if (gradient === undefined || !path.has(e)) return;
    const before = gradients.get(e);
    gradients.set(e, before === undefined ? gradient : builder.op("add", before, gradient));
  };
  for (const { of, gradient } of seeds) receive(of, gradient);
  // As tfjs adds them up: the latest value first.
  for (const e of [...path].sort((a, b) => b.id - a.id)) {
    const dy = gradients.get(e);
    if (dy === undefined) continue;
    if (e.kind === "withSlope") receive(e.of[0], builder.op("mul", dy, lower(e.slope)));
    if (e.kind !== "op" || e.derivative !== undefined) continue;
    const operands = rules[e.op]!(builder, dy, e.of.map(lower), lower(e));
    for (const [i, gradient] of operands.entries()) receive(e.of[i]!, gradient);
  }
  return by.map((input) => gradients.get(input) ?? builder.constant(0));
}

/**
 * Throws what an operation without a derivative says, where tfjs would: where one lies between outputs and what gradients are
 * taken by, whether the gradient is 0 there or not.
 */
export function checkDerivatives(outputs: readonly Expression[], by: readonly Expression[]): void {
  for (const e of pathFrom(outputs, by)) {
    if (e.kind === "op" && typeof e.derivative === "function") throw e.derivative();
  }
}

/** The expressions that gradients pass through, from some to others: not over what is detached, and past slopes. */
export function pathFrom(roots: readonly Expression[], by: readonly Expression[]): ReadonlySet<Expression> {
  const path = new Set(by);
  const operands = (e: Expression) => (e.kind === "op" || e.kind === "withSlope" ? e.of : []);
  walk(roots, operands, (e) => {
    if (operands(e).some((operand) => path.has(operand))) path.add(e);
  });
  return path;
}

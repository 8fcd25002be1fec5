/** @file What makes a SEW block an identity (Table 1). */
import type { Activation } from "@sew/layers";
import { tensor1d, tidy } from "@tensorflow/tfjs-core";
import type { Connect } from "./connect.js";

/** The constant A for which g(A, S) = S, for the spikes and sums of spikes that S may hold; none for some g. */
function identityOf(connect: Connect): 0 | 1 | undefined {
  const s = [0, 1, 2, 3];
  return ([0, 1] as const).find((a) =>
    tidy(() => String(connect(tensor1d(s.map(() => a)), tensor1d(s)).arraySync()) === String(s)),
  );
}

/**
 * The bias of the last norm, with weight 0, that makes `O = g(A, S)` an identity (Table 1).
 *
 * Where g(0, S) = S, as with ADD and IAND, A must be silent: the shift is 0, or less for neurons that fire at rest. Where
 * g(1, S) = S, as with AND, A must fire at every step: the shift is V_th for IF. For LIF and PLIF it is τ·V_th: after
 * each spike the potential starts again from rest and moves a fraction 1/τ of the way to the shift in the one step that
 * it has (with V_reset = 0; `firingCurrent` has the general case).
 *
 * @param connect g
 * @param activation the last neurons of the residual path
 * @throws RangeError when no constant A makes g an identity, or no constant current makes the neurons emit that A
 *
 * @example
 * identityShift(add, neurons(lif)(4)); // 0
 * identityShift(and, neurons(integrateAndFire)(4)); // 1
 * identityShift(and, neurons(lif, { tau: 2 })(4)); // 2
 */
export function identityShift(connect: Connect, activation: Activation): number {
  const a = identityOf(connect);
  if (a === undefined) {
    throw new RangeError(
      "identityShift: connect must be an identity in S for A = 0 or A = 1, got a function that is neither; " +
        "leave zeroInit out",
    );
  }
  return activation.constantCurrent?.(a) ?? a;
}

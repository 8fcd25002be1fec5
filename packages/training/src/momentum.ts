import { applyMomentumKernel } from "@sew/kernels";
import { add, mul } from "@tensorflow/tfjs-core";
import { fusedUpdate } from "./fusedUpdate.js";
import type { ParameterTransform } from "./transform.js";

/** Options of {@link momentum}. */
export interface MomentumOptions {
  /** μ, in [0, 1); 0 is plain gradient descent. @defaultValue 0.9 */
  readonly momentum?: number;
  /** Nesterov's variant, `g + μ·u`. @defaultValue `false` */
  readonly nesterov?: boolean;
}

/**
 * Momentum: `u ← μ·u + g`, and u is the update; `g + μ·u` with `nesterov`. The state is `velocity`, u.
 *
 * With `w ← w − lr·u` it is stochastic gradient descent with momentum as in PyTorch, and tfjs's `train.momentum` bit for
 * bit. {@link sgd} is the same with weight decay.
 *
 * I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 *
 * @throws RangeError when momentum is out of range
 *
 * @example
 * const model = linear(1, 1);
 * const trained = optimizer(model, momentum({ momentum: 0.9 }));
 * const loss = () => sum(model.forward(ones([1, 1, 1]), evaluation));
 * trained.apply(trained.gradients(loss).gradients, 0.1);
 * [...(await trained.state()).slots.get("velocity/bias")]; // [1]
 */
export function momentum({ momentum: mu = 0.9, nesterov = false }: MomentumOptions = {}): ParameterTransform {
  if (!(Number.isFinite(mu) && mu >= 0 && mu < 1))
    throw new RangeError(`momentum: momentum must be at least 0 and below 1, got ${mu}`);
  const transform: ParameterTransform = {
    name: `momentum(${mu}${nesterov ? ", nesterov" : ""})`,
    slots: ["velocity"],
    update({ gradient, slots }) {
      const u = add(mul(slots.velocity!, mu), gradient);
      return [nesterov ? add(gradient, mul(u, mu)) : u, u];
    },
  };
  if (nesterov) return transform;
  return {
    ...transform,
    fused: ({ weight, gradient, slots, learningRate }) =>
      fusedUpdate(
        applyMomentumKernel,
        { weight, velocity: slots.velocity!, gradient },
        { rate: learningRate, momentum: mu },
      ),
  };
}

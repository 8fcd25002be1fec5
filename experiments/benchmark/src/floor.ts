/** @file The operations of a network, which at the machine's peak take the time of its floor. */
import { type Module, profile } from "@sew/layers";
import type { InputShape } from "./inputs.js";
import type { Row } from "./rows.js";

/**
 * Dense float32 operations of the convolutions and linear layers: 2 for each multiply-accumulate of a forward pass, 3 times
 * as many for a training step, less the gradient of the first convolution's input, which nobody needs.
 */
export function denseFlops(net: Module, [steps, batch, ...frame]: InputShape, pass: Row["pass"]): number {
  const macs = profile(net, [1, 1, ...frame])
    .map((layer) => layer.macs)
    .filter((count) => count > 0);
  const forward = 2 * steps * batch * macs.reduce((a, b) => a + b, 0);
  return pass === "forward" ? forward : 3 * forward - 2 * steps * batch * macs[0]!;
}

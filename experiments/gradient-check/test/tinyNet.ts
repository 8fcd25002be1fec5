/** @file A small network with the parts of a ResNet, whose regions of identity blocks are long for its size. */
import { convNormNeuron, globalAvgPool2d, linear, type Module, maxPool2d, overTime, sequential } from "@sew/layers";
import { families } from "@sew/models";
import { random } from "@sew/random";
import { compared, type Network, neuronsOf } from "../src/networks.js";

/** conv3x3-BN-SN-MPk2, a downsample block, and so many identity blocks behind it, in each of two stages. */
export function tinyNet({ figure, family, zeroInit }: Network, identities: number): Module {
  const { block } = families[compared[family]];
  const shared = { neurons: neuronsOf(figure), random: random(1) };
  const stage = (channels: number, outChannels: number): Module =>
    sequential(
      Object.fromEntries(
        Array.from({ length: identities + 1 }, (_, i) => {
          const shape = i === 0 ? { channels, outChannels, stride: 2 } : { channels: outChannels };
          return [`block${i}`, block({ ...shared, ...shape, zeroInit })];
        }),
      ),
    );
  return overTime(
    sequential({
      stem: convNormNeuron(3, 8, shared.neurons, { kernel: 3, random: shared.random }),
      pool: maxPool2d(2),
      stage1: stage(8, 12),
      stage2: stage(12, 16),
      average: globalAvgPool2d(),
      classifier: linear(16, 10, { random: shared.random }),
    }),
    4,
  );
}

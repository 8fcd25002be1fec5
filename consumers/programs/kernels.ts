import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { batchNormTraining, type FusedKernel, fusedOp } from "@sew/kernels";
import { mul, ones, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";

const [y] = batchNormTraining({ x: tensor2d([[1], [3]]), scale: ones([1]), offset: zeros([1]) }, { epsilon: 0 });
deepStrictEqual(y!.arraySync(), [[-1], [1]]);
const halveKernel: FusedKernel<"x", object> = { name: "Halve", inputs: ["x"], composed: ({ x }) => [mul(x, 0.5)] };
deepStrictEqual(fusedOp(halveKernel)({ x: tensor1d([4]) }, {})[0]!.arraySync(), [2]);

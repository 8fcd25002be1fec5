import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { type AtanOptions, atan } from "@sew/surrogates";
import { grad, tensor1d } from "@tensorflow/tfjs-core";

const options: AtanOptions = { alpha: 2 };
const spike = atan(options);
deepStrictEqual(spike(tensor1d([-1, 0, 1])).arraySync(), [0, 1, 1]);
deepStrictEqual(grad(spike)(tensor1d([0])).arraySync(), [1]);

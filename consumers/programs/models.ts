import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { type NetworkOptions, network } from "@sew/models";
import { zeros } from "@tensorflow/tfjs-core";

const options: NetworkOptions = { height: 8, width: 8 };
const net = network("c4-BN-PLIF-{SEW(c4)-MPk2}*2-FC3", options);
deepStrictEqual(net.forward(zeros([2, 1, 8, 8, 2]), { training: false }).shape, [2, 1, 3]);

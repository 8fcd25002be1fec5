import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { type Connect, iand } from "@sew/blocks";
import { ones } from "@tensorflow/tfjs-core";

const g: Connect = iand;
deepStrictEqual(g(ones([2]), ones([2])).arraySync(), [0, 0]);

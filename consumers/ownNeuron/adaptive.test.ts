/** @file Its contract. */
import "@tensorflow/tfjs";
import { describeNeuron, float32, membraneParams } from "@sew/testing";
import * as fc from "fast-check";
import { adaptive } from "./adaptive.js";

const params = fc
  .tuple(membraneParams, float32(1, 8), float32(-1, 1))
  .map(([membrane, tau, jump]) => ({ ...membrane, tau, decayInput: true, jump }));

describeNeuron(adaptive, params);

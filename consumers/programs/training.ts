import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { cosine, type Schedule } from "@sew/training";

const schedule: Schedule = cosine({ learningRate: 0.1, epochs: 64 });
deepStrictEqual(schedule({ epoch: 0, step: 0 }), 0.1);

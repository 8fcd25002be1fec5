import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { cosine, type Schedule } from "@sew/training";

const schedule: Schedule = cosine({ lr: 0.1, epochs: 64 });
deepStrictEqual([schedule(0), Math.abs(schedule(32) - 0.05) < 1e-12], [0.1, true]);

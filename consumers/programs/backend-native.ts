import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { instructionSets, registerNative } from "@sew/backend-native";

try {
  registerNative();
  deepStrictEqual(instructionSets().includes("baseline"), true);
} catch (error) {
  // Where its build was refused.
  deepStrictEqual((error as Error).message.includes("cannot be loaded: it has not been built; "), true);
}

import { ok } from "node:assert";
import { nativeKernels } from "@sew/backend-native";

ok(nativeKernels.some(({ kernelName }) => kernelName === "Conv2D"));

/** @file Every kernel of the backend, with what it is tested with. A new kernel's case is added here. */
import { convCases } from "./conv.js";
import { elementwiseCases } from "./elementwise.js";
import { fillCases } from "./fill.js";
import type { KernelCase } from "./kernelCase.js";
import { matMulCases } from "./matMul.js";
import { multiStepNeuronCases } from "./multiStepNeuron.js";
import { normCases } from "./norm.js";
import { normNeuronCases } from "./normNeuron.js";
import { optimizerCases } from "./optimizer.js";
import { poolingCases } from "./pooling.js";
import { reduceCases } from "./reduce.js";

export const kernelCases: readonly KernelCase[] = [
  ...convCases,
  ...poolingCases,
  ...normCases,
  ...matMulCases,
  ...elementwiseCases,
  ...fillCases,
  ...reduceCases,
  ...multiStepNeuronCases,
  ...normNeuronCases,
  ...optimizerCases,
];

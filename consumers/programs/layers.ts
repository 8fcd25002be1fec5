import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { convNormNeuron, type Module, namedParameters, neurons, run } from "@sew/layers";
import { plif } from "@sew/neurons";
import { ones, sum, variableGrads } from "@tensorflow/tfjs-core";

const unit: Module = convNormNeuron(2, 4, neurons(plif));
const { value, grads } = variableGrads(() => sum(run(unit, ones([3, 1, 8, 8, 2]), { training: true })));
deepStrictEqual([value.shape, Object.keys(grads).length], [[], namedParameters(unit).size]);

import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { weightsOf } from "@sew/checkpoints";
import { linear } from "@sew/layers";

weightsOf(linear(2, 3)).then((weights) => deepStrictEqual([...weights.keys()], ["weight", "bias"]));

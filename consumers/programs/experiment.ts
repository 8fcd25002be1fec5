import { deepStrictEqual } from "node:assert";
import { integer, type OwnOption } from "@sew/experiment";

const depth: OwnOption<number> = integer("residual blocks", { least: 1, default: 7 });
deepStrictEqual(depth.default, 7);

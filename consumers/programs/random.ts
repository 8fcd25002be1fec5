import { deepStrictEqual } from "node:assert";
import { permutation, type Random, random } from "@sew/random";

const generator: Random = random(1);
deepStrictEqual(generator.uniform(), random(1).uniform());
deepStrictEqual([...permutation(5, random(1))].sort(), [0, 1, 2, 3, 4]);

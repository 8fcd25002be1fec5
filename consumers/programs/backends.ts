import "@tensorflow/tfjs";
import { deepStrictEqual } from "node:assert";
import { useBackend } from "@sew/backends";
import { getBackend, grad, tensor2d } from "@tensorflow/tfjs-core";

async function main(): Promise<void> {
  const name: string = await useBackend("native");
  deepStrictEqual(name, getBackend());
  const x = tensor2d([
    [1, 2],
    [3, 4],
  ]);
  deepStrictEqual(x.matMul(x).arraySync(), [
    [7, 10],
    [15, 22],
  ]);
  deepStrictEqual(grad((u) => u.square())(x).arraySync(), [
    [2, 4],
    [6, 8],
  ]);
  console.log(`backend ${name}`);
}
main();

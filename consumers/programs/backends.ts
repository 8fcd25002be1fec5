import "@tensorflow/tfjs";
import { deepStrictEqual, rejects } from "node:assert";
import { type BackendName, BackendUnavailable, useBackend } from "@sew/backends";
import { getBackend, grad, tensor2d } from "@tensorflow/tfjs-core";

async function main(): Promise<void> {
  const wanted: BackendName = "native";
  const name: string = await useBackend(wanted);
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
  await rejects(useBackend("webgpu"), BackendUnavailable);
  console.log(`backend ${name}`);
}
main();

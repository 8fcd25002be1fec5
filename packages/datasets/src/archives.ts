/** @file Archives of data sets as they are published. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readFolder } from "./folders.js";

/**
 * MD5 of each archive, in hexadecimal.
 *
 * Those of DVS128 Gesture, CIFAR10-DVS, N-MNIST and N-Caltech101 are the ones that SpikingJelly and Tonic compare; those of
 * ImageNet are torchvision's; that of CIFAR-10 is on its page.
 */
const archives: Readonly<Record<string, string>> = {
  "DvsGesture.tar.gz": "8a5c71fb11e24e5ca5b11866ca6c00a1",
  "airplane.zip": "0afd5c4bf9ae06af762a77b180354fdd",
  "automobile.zip": "8438dfeba3bc970c94962d995b1b9bdd",
  "bird.zip": "a9c207c91c55b9dc2002dc21c684d785",
  "cat.zip": "52c63c677c2b15fa5146a8daf4d56687",
  "deer.zip": "b6bf21f6c04d21ba4e23fc3e36c8a4a3",
  "dog.zip": "f379ebdf6703d16e0a690782e62639c3",
  "frog.zip": "cad6ed91214b1c7388a5f6ee56d08803",
  "horse.zip": "e7cbbf77bec584ffbf913f00e682782a",
  "ship.zip": "41c7bd7d6b251be82557c6cce9a7d5c9",
  "truck.zip": "89f3922fd147d9aeff89e76a2b0b70a7",
  "Train.zip": "20959b8e626244a1b502305a9e6e2031",
  "Test.zip": "69ca8762b2fe404d9b9bad1103e97832",
  "Caltech101.zip": "66201824eabb0239c7ab992480b50ba3",
  "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
  "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
  "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
};

/**
 * Compares the archives that lie in a folder with their published MD5: what is wrong with each that differs.
 *
 * @param onProgress called while an archive is read, with megabytes
 */
export async function checkArchives(
  dir: string,
  onProgress?: (file: string, done: number, total: number) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const entries = await readFolder("checkData", dir, "name the folder of the data set");
  for (const file of entries.map(({ name }) => name).sort()) {
    const published = archives[file];
    const path = join(dir, file);
    if (published === undefined) continue;
    const status = await stat(path);
    if (!status.isFile()) continue;
    const hash = createHash("md5");
    const total = Math.ceil(status.size / 1e6);
    let read = 0;
    onProgress?.(file, 0, total);
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      read += chunk.length;
      onProgress?.(file, Math.ceil(read / 1e6), total);
    }
    const md5 = hash.digest("hex");
    if (md5 === published) continue;
    problems.push(`checkData: ${path} must have the published MD5 ${published}, got ${md5}; download it again`);
  }
  return problems;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Locked, lock } from "@sew/files";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "./support.js";

const entry = new URL("../dist/index.js", import.meta.url).href;

/** A process that takes the lock, says "locked", and keeps it. */
async function holder(file: string): Promise<ChildProcess> {
  const program = `
    const { lock } = await import(process.argv[1]);
    await lock(process.argv[2]);
    process.stdout.write("locked");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, entry, file]);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

describe("lock", () => {
  it("is free again after its release, and makes its folder", async () => {
    const file = join(await temporaryFolder(), "new", "run.lock");
    for (let i = 0; i < 3; i++) await (await lock(file)).release();
    expect(await readdir(dirname(file))).toEqual([]);
  });

  it("excludes a second one of the same process", async () => {
    const file = join(await temporaryFolder(), "run.lock");
    const held = await lock(file);
    await expect(lock(file)).rejects.toThrow(
      new RegExp(
        `^lock: ${file} must be free, got held by process ${process.pid} on host \\S+, since \\S+Z; wait until`,
      ),
    );
    await held.release();
    await (await lock(file)).release();
  });

  it("excludes another process, until that is killed", async () => {
    const file = join(await temporaryFolder(), "run.lock");
    const child = await holder(file);
    const error = await lock(file).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Locked);
    expect((error as Locked).holder).toContain(`process ${child.pid} on host`);
    child.kill("SIGKILL");
    await once(child, "exit");
    await (await lock(file)).release();
  });

  it("waits where it is to, and says once for whom", async () => {
    const file = join(await temporaryFolder(), "run.lock");
    const held = await lock(file);
    const waitedFor: string[] = [];
    const order: string[] = [];
    const waiting = lock(file, { wait: true, onWait: (holder) => waitedFor.push(holder) }).then((own) => {
      order.push("taken");
      return own;
    });
    await new Promise((resolve) => setTimeout(resolve, 250));
    order.push("released");
    await held.release();
    await (await waiting).release();
    expect(order).toEqual(["released", "taken"]);
    expect(waitedFor).toEqual([expect.stringContaining(`process ${process.pid} on host`)]);
  });

  it("is never held by two of many that wait for it", async () => {
    const file = join(await temporaryFolder(), "run.lock");
    let [inside, most] = [0, 0];
    const use = async () => {
      const held = await lock(file, { wait: true });
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
      await held.release();
    };
    await Promise.all(Array.from({ length: 20 }, use));
    expect([inside, most]).toEqual([0, 1]);
  });

  it("takes a file of anything for its own, and quotes nothing of it", async () => {
    const file = join(await temporaryFolder(), "run.lock");
    await writeFile(file, "\x1b[2Jprocess 1 on host x, since \x1b");
    const held = await lock(file);
    expect(await readFile(file, "utf8")).toContain(`process ${process.pid} on host`);
    await writeFile(file, "\x1b[2J");
    await expect(lock(file)).rejects.toThrow("got held by another process;");
    await held.release();
  });
});

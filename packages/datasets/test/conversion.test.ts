import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "./support.js";

const program = fileURLToPath(new URL("./fixtures/convert.mjs", import.meta.url));

/** Runs the program, and kills it when it prints this line; resolves to the signal that ended it. */
async function convert(args: readonly string[], killAt?: string): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
    if (killAt !== undefined && text.split("\n").includes(killAt)) child.kill("SIGKILL");
  });
  const [, signal] = (await once(child, "close")) as [number, NodeJS.Signals | null];
  return signal;
}

/** Every file of a folder, with its bytes; a lock that nobody holds is none, and the next conversion takes it. */
function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith(".lock"),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(dir.length + 1), readFileSync(path, "base64")];
    }),
  );
}

describe("a conversion that is killed", () => {
  let data: string;
  let whole: string;
  beforeAll(async () => {
    data = await temporaryFolder();
    whole = await temporaryFolder();
    await convert(["make", data]);
    expect(await convert([data, whole])).toBeNull();
  });

  it.each(["train 1", "train 22", "test 5", "images 1", "images 40"])(
    "at %s leaves whole caches alone, and nothing that the next conversion does not remove",
    async (line) => {
      const cache = await temporaryFolder();
      expect(await convert([data, cache], line)).toBe("SIGKILL");
      const expected = contents(whole);
      for (const [file, bytes] of Object.entries(contents(cache))) {
        if (!file.includes(".tmp-")) expect(bytes).toBe(expected[file]);
      }
      expect(await convert([data, cache])).toBeNull();
      expect(contents(cache)).toEqual(expected);
    },
  );

  it("leaves the damaged cache that it was to replace, for the next to replace", async () => {
    const cache = await temporaryFolder();
    cpSync(whole, cache, { recursive: true, force: true });
    const frames = join(cache, "synthetic-gestures-test-4-count", "frames.bin");
    truncateSync(frames, 99);
    expect(await convert([data, cache], "test 11")).toBe("SIGKILL");
    expect(await convert([data, cache])).toBeNull();
    expect(contents(cache)).toEqual(contents(whole));
  });
});

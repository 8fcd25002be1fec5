import { deepStrictEqual } from "node:assert";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lock, lock, writeAtomic } from "@sew/files";

const file = join(tmpdir(), `sew-consumer-${process.pid}`);

// No top-level await: CommonJS has none.
void (async () => {
  const held: Lock = await lock(`${file}.lock`);
  await writeAtomic(file, [Uint8Array.of(1, 2)]);
  await held.release();
  deepStrictEqual([existsSync(file), existsSync(`${file}.lock`)], [true, false]);
  rmSync(file);
})();

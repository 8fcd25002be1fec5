/** @file What several tests need. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** An empty folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sew-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The message of what a promise is rejected with. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing was thrown",
    (error: Error) => error.message,
  );
}

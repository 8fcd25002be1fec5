/** @file The cores that this process may use. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/** The text of a file; `undefined` where it cannot be read. */
type ReadText = (file: string) => string | undefined;

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Cores of time that one control group allows, from its files; `undefined` where it has no quota. */
function quotaOf(folder: string, read: ReadText): number | undefined {
  // Version 2 has one file, "quota period" or "max period"; version 1 has two, with a quota of -1 for none.
  const [quota, period] = read(join(folder, "cpu.max"))?.split(" ").map(Number) ?? [
    Number(read(join(folder, "cpu.cfs_quota_us")) ?? Number.NaN),
    Number(read(join(folder, "cpu.cfs_period_us")) ?? Number.NaN),
  ];
  return quota! > 0 && period! > 0 ? quota! / period! : undefined;
}

/** The folders of this process's control group and of those that contain it: a quota of any of them holds. */
function controlGroups(read: ReadText): string[] {
  const folders: string[] = [];
  for (const line of read("/proc/self/cgroup")?.split("\n") ?? []) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || !(controllers === "" || controllers!.split(",").includes("cpu"))) continue;
    const root = controllers === "" ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    for (let group = path; ; group = dirname(group)) {
      folders.push(join(root, group));
      if (group === "/") break;
    }
  }
  return folders;
}

/**
 * The cores that this process may use: those that its CPU affinity allows, or fewer where a container has a quota of CPU time.
 * At least 1.
 *
 * @param available cores that the affinity allows. @defaultValue `os.availableParallelism()`
 * @param read reads the files that describe control groups. @defaultValue from the disk
 */
export function cores(available: number = availableParallelism(), read: ReadText = readText): number {
  const quotas = controlGroups(read).map((folder) => quotaOf(folder, read) ?? Number.POSITIVE_INFINITY);
  return Math.max(1, Math.floor(Math.min(available, ...quotas)));
}

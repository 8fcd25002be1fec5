/** @file Other versions of Node, from the npm registry's packages of its binaries. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execute, folder } from "./project.js";

const fetched = new Map<number, Promise<string>>();

/**
 * Fetches the newest Node of a major version for this platform.
 *
 * @returns the path of its binary
 * @throws Error that says why there is none, such as no network or no binary for the platform
 */
export function fetchNode(major: number): Promise<string> {
  // A failure, too, is one for all who ask: npm tries for over a minute before it gives up.
  const node = fetched.get(major) ?? install(major);
  fetched.set(major, node);
  return node;
}

async function install(major: number): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(folder, `node${major}`);
  mkdirSync(prefix, { recursive: true });
  const options = ["--prefix", prefix, "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, output } = await execute("npm", ["install", ...options, `${name}@${major}`], prefix);
  if (status !== 0) throw new Error(`npm cannot install ${name}@${major}: ${output.trim().split("\n", 2).join(" ")}`);
  return join(prefix, "node_modules", name, "bin", "node");
}

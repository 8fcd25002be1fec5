// The folders of the workspace, as pnpm-workspace.yaml names them.
import { existsSync, readdirSync } from "node:fs";

const root = new URL("../", import.meta.url);
const inside = (parent) => readdirSync(new URL(parent, root)).map((name) => `${parent}/${name}`);

/** Paths from the root, such as `packages/neurons`. A new folder of packages/ or experiments/ is found. */
export const workspaces = [...inside("packages"), ...inside("experiments"), "consumers"].filter((folder) =>
  existsSync(new URL(`${folder}/package.json`, root)),
);

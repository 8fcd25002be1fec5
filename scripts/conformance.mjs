// pnpm conformance <DIR> [options]: installs, builds, and runs the reference cases of a folder.
import { buildAndRun } from "./run.mjs";

// pnpm and npm run scripts in the root folder; the user's paths start at the folder of the command.
buildAndRun("packages/testing", "dist/main.js", process.argv.slice(2), process.env.INIT_CWD);

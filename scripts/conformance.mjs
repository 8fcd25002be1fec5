// pnpm conformance <DIR> [options]: installs, builds, and runs the reference cases of a folder.
import { buildAndRun } from "./run.mjs";

// pnpm and npm run scripts in the root; paths are meant from where the user stands.
buildAndRun("packages/testing", process.argv.slice(2), process.env.INIT_CWD);

/** @file pnpm bench: runs the command that the first word names; times training where it names none. */
import { commands } from "./commands.js";

const [, , word = ""] = process.argv;
await import(Object.hasOwn(commands, word) ? `./${word}.js` : "./training.js");

import { readRegular } from "@sew/files";

/** The longest list that is read, in bytes. */
const MOST_BYTES = 2 ** 26;

/**
 * The lines of a text file, without white space around them. A byte order mark, which some editors write, is skipped.
 *
 * @throws RangeError when it is no regular file, or longer than 64 MiB; Error when there is none
 */
export async function readLines(caller: string, file: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readRegular(caller, file, MOST_BYTES));
  return text.split("\n").map((line) => line.trim());
}

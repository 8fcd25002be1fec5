/** @file Reading a file of cases. */
import { readFileSync, statSync } from "node:fs";
import { FileFormatError } from "@sew/datasets";
import { type ParseError, parse } from "jsonc-parser";
import * as z from "zod";

/** A longer file does not fit into one string. */
const longest = 2 ** 29 - 1024;
const schema = z.object({ cases: z.array(z.unknown()) });

/** Byte offset of the first thing in the text that is not JSON. */
function faultOffset(text: string): number {
  const errors: ParseError[] = [];
  try {
    parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch {
    // Nested deeper than the parser's stack.
  }
  return Buffer.byteLength(text.slice(0, errors[0]?.offset ?? text.length));
}

/**
 * The cases of a file, unchecked.
 *
 * @throws FileFormatError naming the file, and the byte or the field, when it does not hold a list of cases
 */
export function readCases(file: string): unknown[] {
  const fail = (must: string, got: string, offset?: number): never => {
    throw new FileFormatError({ reader: "readCases", file, must, got, ...(offset !== undefined && { offset }) });
  };
  const stats = statSync(file);
  if (!stats.isFile()) fail("be a file", "something else");
  if (stats.size > longest) fail(`be at most ${longest} bytes long`, `${stats.size}`);
  const text = readFileSync(file, "utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    fail("be JSON", text.trim() === "" ? "nothing" : "something else", faultOffset(text));
  }
  const { data, error } = schema.safeParse(json);
  if (data !== undefined) return data.cases;
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  return fail("hold an object with a list named cases", `${[...path, message].join(": ")}`);
}

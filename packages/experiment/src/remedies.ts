/** @file Remedies of library errors in the words of the command line. */
import type { OwnOption } from "./choices.js";
import { longOf } from "./commandLine.js";
import type { Experiment } from "./experiment.js";

/** What errors advise to pass to a function, and what to write on the command line instead. */
const ofKit: Readonly<Record<string, string>> = {
  'pass truncated: "keep"': "pass --truncated keep",
  "change the proportions, or set stratified: false": "change --validation",
};

/** A message whose remedies are options of the command line, where it has them. */
export function inOptions<Own extends object>({ options = {} as never }: Experiment<Own>, message: string): string {
  const own = Object.entries(options as Readonly<Record<string, OwnOption<unknown>>>).flatMap(
    ([name, { standsFor }]) =>
      standsFor === undefined ? [] : [[`pass ${standsFor}`, `pass ${longOf(name)}`] as const],
  );
  return [...Object.entries(ofKit), ...own].reduce((text, [before, after]) => text.replaceAll(before, after), message);
}

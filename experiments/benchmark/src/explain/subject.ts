/** @file The network that a command line names. */
import { network } from "@sew/models";
import { InvalidArgumentError } from "commander";
import { eventLike } from "../inputs.js";
import { nearest } from "../options.js";
import { type Subject, subjects } from "../rows.js";

export const subjectNames = subjects.map((subject) => subject.network);

/** What notations have and names of networks have not: brackets, `*`, and items with numbers such as `c32` and `FC11`. */
const notationSyntax = /[{}()*]|(^|-)\s*(c|FC|MPk|APk) ?\d/i;

/**
 * The network of that name, in any case, or in the paper's notation.
 *
 * @throws InvalidArgumentError with the nearest name when the text is neither
 */
export function subjectOf(text: string): Omit<Subject, "classes"> {
  const subject = subjects.find((each) => each.network.toLowerCase() === text.toLowerCase());
  if (subject !== undefined) return subject;
  if (!notationSyntax.test(text)) {
    throw new InvalidArgumentError(
      `It must be in the paper's notation or one of ${subjectNames.join(", ")}. ` +
        `The nearest is ${nearest(subjectNames, text)}.`,
    );
  }
  return {
    network: text,
    shape: [16, 2, 128, 128, 2],
    input: eventLike,
    build: ([steps, , height, width, inChannels]) => network(text, { steps, height, width, inChannels }),
  };
}

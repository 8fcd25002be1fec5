import { percent, whole } from "../page/format.js";
import { type Html, html } from "../page/html.js";
import { type Section, section } from "../page/section.js";
import { table } from "../page/table.js";

/** How often each class was predicted for each true class. */
export interface Confusion {
  /** Numbers of samples: `counts[true][predicted]`. */
  readonly counts: readonly (readonly number[])[];
  /** Names of the classes, in the order of the counts. @defaultValue their numbers, from 0 */
  readonly classNames?: readonly string[];
}

type Counts = Confusion["counts"];

/** Most classes of which all counts are shown; of more, the most frequent mistakes are. */
const MOST_CLASSES = 30;
const MOST_MISTAKES = 25;

/**
 * A confusion matrix, coloured by the share of each true class, with the recall of each class. Of more than 30 classes,
 * the 25 most frequent mistakes.
 *
 * @param title the heading. @defaultValue `"Confusion matrix"`
 * @returns no section where there are no classes
 * @throws RangeError when the matrix is not square, a count is not a whole number from 0, or not every class has a name
 *
 * @example
 * const counts = [[9, 1], [0, 10]];
 * confusionSection({ counts, classNames: ["cat", "dog"] })?.text.includes("19 of 20 samples are right"); // true
 */
export function confusionSection({ counts, classNames }: Confusion, title = "Confusion matrix"): Section | undefined {
  const names = classNames ?? counts.map((_, i) => `${i}`);
  check(counts, names);
  if (counts.length === 0) return undefined;
  const samples = counts.reduce((sum, row) => sum + total(row), 0);
  const right = counts.reduce((sum, row, i) => sum + row[i]!, 0);
  return section(
    title,
    html`<figure><figcaption>${whole(right)} of ${whole(samples)} samples are right, ${percent(right / samples)}. ${
      counts.length <= MOST_CLASSES
        ? html`Rows are true classes, columns predicted ones; the stronger a colour, the larger the share of the row.
Recall is the share of the row on the diagonal.</figcaption>
<div class="scroll" role="region" aria-label="${title}" tabindex="0">${matrix(counts, names)}</div>`
        : html`The most frequent mistakes:</figcaption>
<div class="mistakes">${mistakes(counts, names)}</div>`
    }</figure>`,
  );
}

function check(counts: Counts, names: readonly string[]): void {
  const ragged = counts.find((row) => row.length !== counts.length);
  if (ragged !== undefined) {
    throw new RangeError(
      `confusionSection: counts must be square, got a row of ${ragged.length} in a matrix of ${counts.length} rows`,
    );
  }
  if (names.length !== counts.length) {
    throw new RangeError(
      `confusionSection: classNames must name each of the ${counts.length} classes, got ${names.length} names`,
    );
  }
  const wrong = counts.flat().find((count) => !(Number.isInteger(count) && count >= 0));
  if (wrong !== undefined) throw new RangeError(`confusionSection: counts must be whole numbers from 0, got ${wrong}`);
}

function matrix(counts: Counts, names: readonly string[]): Html {
  return html`<table class="confusion">
<thead><tr><th scope="col"><span>true ↓ predicted →</span></th>${names.map((name) => html`<th scope="col"><span>${name}</span></th>`)}<th scope="col" class="recall"><span>recall</span></th></tr></thead>
<tbody>${counts.map((row, i) => {
    const all = total(row);
    return html`
<tr><th scope="row">${names[i]}</th>${row.map((count, j) => cell(count, all, i === j, `${names[i]}, predicted as ${names[j]}`))}<td class="recall">${percent(row[i]! / all)}</td></tr>`;
  })}
</tbody></table>`;
}

function cell(count: number, all: number, right: boolean, what: string): Html {
  if (count === 0) return html`<td class="none">0</td>`;
  const share = count / all;
  const classes = [right ? "right" : "wrong", ...(share > 0.65 ? ["strong"] : [])];
  const words = `${what}: ${whole(count)} of ${whole(all)}, ${percent(share)}`;
  return html`<td class="${classes.join(" ")}" data-tip="${words}" style="--share:${(100 * share).toFixed(0)}%">${whole(count)}</td>`;
}

function mistakes(counts: Counts, names: readonly string[]): Html {
  const frequent = counts
    .flatMap((row, i) => row.map((count, j) => ({ count, i, j, share: count / total(row) })))
    .filter(({ count, i, j }) => i !== j && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_MISTAKES);
  return table(
    ["True class", "Predicted", "Samples", "Of the class"],
    frequent.map(({ count, i, j, share }) => [names[i], names[j], whole(count), percent(share)]),
  );
}

function total(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}

import type { ReportConfusion } from "../reportData.js";
import { percent, whole } from "./format.js";
import { type Html, html } from "./html.js";

/** Classes up to which all counts are shown; of more, the most frequent mistakes are. */
const MOST_CLASSES = 30;
const MOST_MISTAKES = 25;

/** Which classes were taken for which, as a table coloured by the share of each true class. */
export function confusionMatrix({ counts, classNames }: ReportConfusion): Html | undefined {
  const names = classNames ?? counts.map((_, i) => `${i}`);
  check(counts, names);
  if (counts.length === 0) return undefined;
  const samples = counts.reduce((sum, row) => sum + total(row), 0);
  const right = counts.reduce((sum, row, i) => sum + row[i]!, 0);
  return html`<section>
<h2>Confusion matrix</h2>
<figure><figcaption>${whole(right)} of ${whole(samples)} test samples are right, ${percent(right / samples)}. ${
    counts.length <= MOST_CLASSES
      ? html`Rows are true classes, columns predicted ones; the stronger a colour, the larger the share of the row.
Recall is the share of the row on the diagonal.</figcaption>
<div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0">${matrix(counts, names)}</div>`
      : html`The most frequent mistakes:</figcaption>
<div class="scroll">${mistakes(counts, names)}</div>`
  }</figure>
</section>`;
}

function check(counts: ReportConfusion["counts"], names: readonly string[]): void {
  const ragged = counts.find((row) => row.length !== counts.length);
  if (ragged !== undefined) {
    throw new RangeError(
      `report: confusion.counts must be square, got a row of ${ragged.length} in a matrix of ${counts.length}`,
    );
  }
  if (names.length !== counts.length) {
    throw new RangeError(
      `report: confusion.classNames must name each of the ${counts.length} classes, got ${names.length} names`,
    );
  }
  const wrong = counts.flat().find((count) => !(Number.isInteger(count) && count >= 0));
  if (wrong !== undefined) throw new RangeError(`report: confusion.counts must be whole numbers from 0, got ${wrong}`);
}

function matrix(counts: ReportConfusion["counts"], names: readonly string[]): Html {
  return html`<table class="confusion">
<thead><tr><th scope="col"><span>true ↓ predicted →</span></th>${names.map((name) => html`<th scope="col"><span>${name}</span></th>`)}<th scope="col" class="recall"><span>recall</span></th></tr></thead>
<tbody>${counts.map((row, i) => {
    const all = total(row);
    return html`
<tr><th scope="row">${names[i]}</th>${row.map((count, j) => cell(count, all, i === j))}<td class="recall">${percent(row[i]! / all)}</td></tr>`;
  })}
</tbody></table>`;
}

function cell(count: number, all: number, right: boolean): Html {
  if (count === 0) return html`<td class="none">0</td>`;
  const share = count / all;
  const classes = [right ? "right" : "wrong", ...(share > 0.65 ? ["strong"] : [])];
  return html`<td class="${classes.join(" ")}" style="--share:${(100 * share).toFixed(0)}%">${whole(count)}</td>`;
}

function mistakes(counts: ReportConfusion["counts"], names: readonly string[]): Html {
  const found = counts
    .flatMap((row, i) => row.map((count, j) => ({ count, i, j, share: count / total(row) })))
    .filter(({ count, i, j }) => i !== j && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_MISTAKES);
  return html`<table class="numbers mistakes">
<thead><tr><th scope="col">True class</th><th scope="col">Predicted</th><th scope="col">Samples</th><th scope="col">Of the class</th></tr></thead>
<tbody>${found.map(
    ({ count, i, j, share }) => html`
<tr><th scope="row">${names[i]}</th><td>${names[j]}</td><td>${whole(count)}</td><td>${percent(share)}</td></tr>`,
  )}
</tbody></table>`;
}

function total(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}

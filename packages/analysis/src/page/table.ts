import { type Content, type Html, html } from "./html.js";

/**
 * A table of numbers. It scrolls sideways where the page is too narrow for it.
 *
 * @param columns the heading of each column
 * @param rows the cells of each row; the first names the row
 * @throws RangeError when a row has another number of cells than there are columns
 *
 * @example
 * const energy = table(["Layer", "Operations"], [["stem", "1.2 M"], ["block0", "0.3 M"]]);
 * energy.text.includes('<th scope="row">stem</th><td>1.2 M</td>'); // true
 */
export function table(columns: readonly Content[], rows: readonly (readonly Content[])[]): Html {
  const ragged = rows.find((row) => row.length !== columns.length);
  if (ragged !== undefined) {
    throw new RangeError(`table: rows must have ${columns.length} cells, one for each column, got ${ragged.length}`);
  }
  return html`<div class="scroll"><table class="numbers">
<thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([name, ...cells]) => html`
<tr><th scope="row">${breakable(name)}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}
</tbody></table></div>`;
}

/** A name such as the path of a layer, that may go to the next line between its parts. */
function breakable(name: Content): Content {
  return typeof name === "string"
    ? name.split(/(?<=[./_])(?=\p{L})/u).map((part, i) => [i > 0 && html`<wbr>`, part])
    : name;
}

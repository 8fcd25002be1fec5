/** @file Reading pages: elements, text and faults. */
import { type DefaultTreeAdapterTypes, type ParserError, parse } from "parse5";

type Node = DefaultTreeAdapterTypes.Node;
export type Element = DefaultTreeAdapterTypes.Element;

/** Every element of a page or of a part of one, outer before inner. */
export function elements(page: string | Node): Element[] {
  const all: Element[] = [];
  const visit = (node: Node): void => {
    if ("tagName" in node) all.push(node);
    if ("childNodes" in node) node.childNodes.forEach(visit);
  };
  visit(typeof page === "string" ? parse(page) : page);
  return all;
}

/** The text in a part of a page. */
export function words(node: Node): string {
  if ("value" in node) return node.value;
  return "childNodes" in node ? node.childNodes.map(words).join("") : "";
}

export function named(page: string | Element, tag: string): Element[] {
  return elements(page).filter(({ tagName }) => tagName === tag);
}

export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((each) => each.name === name)?.value;
}

export const headings = (page: string): string[] => named(page, "h2").map(words);
export const labels = (page: string): (string | undefined)[] =>
  named(page, "svg").map((svg) => attribute(svg, "aria-label"));

/** The cells of each row of a table, by its position on the page. */
export function rowsOf(page: string, table: number): string[][] {
  return named(named(page, "table")[table]!, "tr").map((row) =>
    row.childNodes.filter((node) => "tagName" in node).map(words),
  );
}

/** Names, values and details of the figures at the head. */
export function figuresOf(page: string): string[] {
  return named(page, "dl").flatMap((list) => words(list).trim().split("\n"));
}

/** The errors of the HTML parser. */
export function faults(page: string): string[] {
  const codes: string[] = [];
  parse(page, { onParseError: ({ code }: ParserError) => codes.push(code) });
  return codes;
}

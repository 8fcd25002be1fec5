/** @file What a reader of rendered Markdown would stumble over. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import MarkdownIt from "markdown-it";
import ts from "typescript";

const markdown = new MarkdownIt();

/** Numbered lists that a renderer does not number as the source does, or starts anew within a section. */
export function brokenLists(text: string): string[] {
  const faults: string[] = [];
  /** Of the lists around the current token, the number that the renderer gives the next item. */
  const counts: number[] = [];
  /** Lines of the numbered lists at the top level of the current section. */
  let lists: number[] = [];
  for (const token of markdown.parse(text, {})) {
    const { type, level, map, info } = token;
    const line = (map?.[0] ?? 0) + 1;
    if (type === "heading_open") lists = [];
    if (type === "bullet_list_open") counts.push(Number.NaN);
    if (type === "ordered_list_open") {
      const start = Number(token.attrGet("start") ?? 1);
      if (start !== 1) faults.push(`line ${line}: a list starts at ${start}`);
      else if (level === 0 && lists.length > 0) faults.push(`line ${line}: the list of line ${lists[0]} starts again`);
      if (level === 0) lists.push(line);
      counts.push(start);
    }
    if (type === "list_item_open") {
      const count = counts.pop()!;
      if (info !== "" && Number(info) !== count) faults.push(`line ${line}: ${info} is rendered as ${count}`);
      counts.push(count + 1);
    }
    if (/^(ordered|bullet)_list_close$/.test(type)) counts.pop();
  }
  return faults;
}

/** Links and images of a file that name no file next to it. */
export function deadLinks(text: string, file: string): string[] {
  const targets = markdown
    .parse(text, {})
    .flatMap(({ children }) => children ?? [])
    .map((token) => token.attrGet("href") ?? token.attrGet("src"))
    .filter((target) => target !== null);
  return targets.filter((target) => {
    const [path] = decodeURIComponent(target).split("#");
    return !/^[a-z]+:/i.test(target) && path !== "" && !existsSync(join(dirname(file), path!));
  });
}

/** Links to decisions that give them another number than their files have. */
export function misnumberedDecisions(text: string): string[] {
  const links = text.matchAll(/\[(?:decision )?(\d+)\]\((?:\S*\/)?(\d{4})-\S+?\.md\)/g);
  return [...links].filter(([, number, file]) => Number(number) !== Number(file)).map(([link]) => link);
}

/** Packages that code imports although no `npm install` above it names them; code above the first is not judged. */
export function notInstalled(text: string): string[] {
  const installed = new Set<string>();
  const missing: string[] = [];
  for (const { type, content } of markdown.parse(text, {})) {
    if (type !== "fence" && type !== "code_block") continue;
    const lines = [...content.matchAll(/^npm install (.*)$/gm)];
    for (const [, packages] of lines)
      for (const name of packages!.split(" ")) installed.add(name.replace(/(?<=.)@.*/, ""));
    if (installed.size === 0 || lines.length > 0) continue;
    for (const { fileName } of ts.preProcessFile(content).importedFiles) {
      const name = fileName
        .split("/")
        .slice(0, fileName.startsWith("@") ? 2 : 1)
        .join("/");
      if (!/^(\.|node:)/.test(name) && !installed.has(name)) missing.push(name);
    }
  }
  return missing;
}

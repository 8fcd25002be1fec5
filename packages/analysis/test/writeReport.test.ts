import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { report, type section, writeReport } from "@sew/analysis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { example } from "./example.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sew-report-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("writeReport", () => {
  it("writes the report, makes the folder, and leaves nothing else there", async () => {
    const file = join(folder, "runs", "1", "report.html");
    await writeReport(file, example);
    expect(readFileSync(file, "utf8")).toBe(report(example));
    expect(readdirSync(join(folder, "runs", "1"))).toEqual(["report.html"]);
  });

  it("replaces an earlier report at once: who reads meanwhile sees one or the other", async () => {
    const file = join(folder, "report.html");
    const [old, next] = [
      { title: "old", sections: [] },
      { ...example, title: "next" },
    ];
    await writeReport(file, old);
    let done = false;
    const writing = writeReport(file, next).then(() => {
      done = true;
    });
    const seen = new Set<string>();
    while (!done) {
      seen.add(readFileSync(file, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    seen.add(readFileSync(file, "utf8"));
    for (const page of seen) expect([report(old), report(next)]).toContain(page);
    expect(seen).toContain(report(next));
  });

  it("survives two writers", async () => {
    const file = join(folder, "report.html");
    await Promise.all([writeReport(file, example), writeReport(file, example)]);
    expect(readdirSync(folder)).toEqual(["report.html"]);
  });

  it("leaves an earlier report as it was when it fails to make the new one", async () => {
    const file = join(folder, "report.html");
    writeFileSync(file, "earlier");
    const wrong = [{ text: "<b>not from the template html</b>" }] as unknown as ReturnType<typeof section>[];
    await expect(writeReport(file, { title: "x", sections: wrong })).rejects.toThrow(TypeError);
    expect(readFileSync(file, "utf8")).toBe("earlier");
    expect(readdirSync(folder)).toEqual(["report.html"]);
  });

  it("says what to do when the file cannot be written, and leaves nothing behind", async () => {
    const file = join(folder, "taken");
    mkdirSync(file);
    await expect(writeReport(file, example)).rejects.toThrow(
      `writeReport: ${file} must be a regular file or new, got a folder; choose another name`,
    );
    expect(readdirSync(folder)).toEqual(["taken"]);
    writeFileSync(join(folder, "file"), "");
    await expect(writeReport(join(folder, "file", "report.html"), example)).rejects.toThrow(/(EEXIST|ENOTDIR)/);
  });
});

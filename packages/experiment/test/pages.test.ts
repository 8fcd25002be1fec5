/** @file The pages of a run, of a comparison and of checked data, as one sees them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareRuns } from "@sew/experiment";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, faultsOfReport, launchChromium } from "../../../scripts/vitest/chromium.js";
import { run } from "./runs.js";

if (chromiumMissing !== undefined) console.info(`Skipped: pages in Chromium: ${chromiumMissing}`);

describe.skipIf(chromiumMissing !== undefined)("in a browser", () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-pages-"));
  const home = process.cwd();
  let browser: Browser;
  beforeAll(async () => {
    process.chdir(folder);
    browser = await launchChromium();
    for (const block of ["sew-add", "spiking"]) {
      expect(await run("--block", block, "--epochs", "8", "--out", block)).toMatchObject({ code: 0 });
    }
  });
  afterAll(async () => {
    process.chdir(home);
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("the report of a run has no fault", async () => {
    expect(await faultsOfReport(browser, join(folder, "sew-add", "report.html"))).toEqual([]);
  });

  it("the report of runs beside published curves has no fault", async () => {
    const epochs = Array.from({ length: 30 }, (_, i) => 1 / (i + 1));
    const runs = [{ name: "SEW ADD, authors", trainLoss: epochs, trainTop1: epochs, testTop1: epochs }];
    writeFileSync(
      "published.json",
      JSON.stringify({ source: "Theirs.", dataset: "synthetic gestures", licence: "none", runs }),
    );
    await compareRuns(["sew-add", "spiking"], { out: "both", published: "published.json" });
    expect(await faultsOfReport(browser, join(folder, "both", "report.html"))).toEqual([]);
  });

  it("the report of runs with long names has no fault", async () => {
    const names = ["sew-add", "spiking"].map((name) => `${name}-${"with-a-name-of-many-letters".repeat(4)}`);
    for (const name of names) cpSync(name.slice(0, 7), name, { recursive: true });
    await compareRuns(names, { out: "long" });
    expect(await faultsOfReport(browser, join(folder, "long", "report.html"))).toEqual([]);
  });

  it("the page of checked data has no fault", async () => {
    mkdirSync("data");
    // Status 1: samples of these stripes occur twice.
    expect(await run("--check-data", "data", "--out", "checked")).toMatchObject({ code: 1 });
    expect(await faultsOfReport(browser, join(folder, "checked", "data.html"))).toEqual([]);
  });
});

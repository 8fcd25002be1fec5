/** @file Reports as one sees them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { barChart, html, lineChart, report, section, table, writeReport } from "@sew/analysis";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumMissing, faultsOfReport, launchChromium } from "../../../scripts/vitest/chromium.js";
import { example } from "./example.js";

if (chromiumMissing !== undefined) console.info(`Skipped: reports in Chromium: ${chromiumMissing}`);

describe.skipIf(chromiumMissing !== undefined)("a report in a browser", () => {
  const folder = mkdtempSync(join(tmpdir(), "sew-browser-"));
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  const many = Array.from({ length: 12 }, (_, i) => ({
    name: `stage${i}.block with a long name`,
    values: Array.from({ length: 30 }, (_, epoch) => 10 ** (-i - epoch / 10)),
  }));

  /** Two lines of 40 epochs, the values of which are the epoch and its hundredth. */
  const counting = lineChart({
    title: "Counting",
    lines: [1, 0.01].map((factor) => ({
      name: `x ${factor}`,
      values: Array.from({ length: 40 }, (_, i) => (i + 1) * factor),
    })),
  });

  /** The page of that chart, the values that it shows, and the numbers along its x axis. */
  async function openCounting(): Promise<{ page: Page; tip: () => Promise<string[]>; axis: () => Promise<string[]> }> {
    const file = join(folder, "counting.html");
    await writeReport(file, { title: "Counting", sections: [section("Counting", counting)] });
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    return {
      page,
      tip: () => page.locator(".tip b, .tip span").allTextContents(),
      axis: () => page.locator("svg[data-chart] text[text-anchor=middle]:visible").allTextContents(),
    };
  }

  it("has no error, request, overflow or overlap, light or dark, wide or narrow, and shows every value", async () => {
    const file = join(folder, "report.html");
    const charts = section(
      "Gradients",
      lineChart({ title: "Norm", scale: "log", lines: many }),
      lineChart({ title: "One point", lines: [{ name: "SEW ADD", values: [1] }] }),
      lineChart({ title: "Nothing finite", lines: [{ values: [Number.NaN, Number.NaN] }] }),
      lineChart({ title: "Long name", lines: [{ name: "x".repeat(120), values: [3, 3, 3] }] }),
    );
    const bars = barChart({ title: "Bars", names: ["stage3.block12.shortcut.conv"], bars: [{ values: [1] }] });
    const numbers = table(
      ["stage and block", ...Array.from({ length: 12 }, (_, i) => `‖∂L/∂S‖ ${i}`)],
      [["stage1.block0.shortcut.conv", ...Array.from({ length: 12 }, (_, i) => `1.390e-${i}`)]],
    );
    const wide = section("Numbers", html`<details><summary>Numbers</summary>${numbers}</details>`);
    await writeReport(file, { ...example, sections: [...example.sections, charts, section("Bars", bars), wide] });
    expect(await faultsOfReport(browser, file)).toEqual([]);
  });

  it("would be found out if it had one", async () => {
    const file = join(folder, "wrong.html");
    const faulty = report({ title: "x", sections: [section("Wide", "x")] }).replace(
      "<main>",
      '<main><div style="width:2000px">wide</div><img src="https://example.org/x.png">' +
        '<table class="numbers"><tr><td style="display:block;width:1em;white-space:normal;overflow-wrap:anywhere">1.390e-2</td></tr></table>',
    );
    writeFileSync(file, faulty);
    const faults = await faultsOfReport(browser, file);
    expect(faults).toContain("390 px, dark: the page is 2016 px wide");
    expect(faults).toContain('390 px, light: "1.390e-2" in a table is broken across lines');
    expect(faults.some((fault) => fault.includes("Content Security Policy"))).toBe(true);
  });

  it("shows the values that are nearest to the mouse, and hides them when it leaves", async () => {
    const { page, tip } = await openCounting();
    const box = (await page.locator("svg[data-chart]").boundingBox())!;
    await page.mouse.move(box.x + box.width - 20, box.y + 40);
    expect(await tip()).toEqual(["epoch 40", "x 1", "40", "x 0.01", "0.4"]);
    await page.mouse.move(box.x, box.y + box.height + 200);
    expect(await page.locator(".tip").isVisible()).toBe(false);
    await page.close();
  });

  it("goes from value to value by the arrow keys", async () => {
    const { page, tip } = await openCounting();
    await page.locator("svg[data-chart]").focus();
    const seen: string[] = [];
    for (const key of ["ArrowLeft", "ArrowLeft", "Home", "ArrowRight", "End", "ArrowRight"]) {
      await page.keyboard.press(key);
      seen.push((await tip())[0]!);
    }
    expect(seen).toEqual(["epoch 40", "epoch 39", "epoch 1", "epoch 2", "epoch 40", "epoch 40"]);
    await page.close();
  });

  it("zooms by its buttons and keys, about the cursor, with axes of its own, and back", async () => {
    const { page, axis } = await openCounting();
    const before = await axis();
    expect(before).toEqual(expect.arrayContaining(["0", "10", "40", "epoch"]));
    await page.getByLabel("Zoom in").click();
    await page.getByLabel("Zoom in").click();
    const zoomed = await axis();
    expect(zoomed).toEqual(expect.arrayContaining(["30", "32", "40", "epoch"]));
    expect(zoomed).not.toContain("20");
    // What lies outside of the range is clipped.
    const overflow = await page.locator("svg[data-chart] svg").evaluate((svg) => getComputedStyle(svg).overflow);
    expect(overflow).toBe("hidden");
    await page.getByLabel("Zoom out").click();
    await page.getByLabel("Zoom out").click();
    expect(await axis()).toEqual(before);
    await page.locator("svg[data-chart]").focus();
    for (const key of ["Home", "+", "+", "+"]) await page.keyboard.press(key);
    expect(await axis()).not.toContain("10");
    await page.keyboard.press("0");
    expect(await axis()).toEqual(before);
    expect(await page.getByLabel("Zoom out").isDisabled()).toBe(true);
    await page.close();
  });

  it("zooms into the range that the mouse draws", async () => {
    const { page, axis } = await openCounting();
    const box = (await page.locator("svg[data-chart]").boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 60);
    await page.mouse.up();
    const labels = (await axis()).map(Number).filter(Number.isFinite);
    expect(Math.min(...labels)).toBeGreaterThan(12);
    expect(Math.max(...labels)).toBeLessThan(36);
    await page.close();
  });

  it("zooms a logarithmic axis to lines at 1, 2 and 5, with numbers inside the chart", async () => {
    const file = join(folder, "log.html");
    const values = Array.from({ length: 40 }, (_, i) => 10 ** (1 - i / 15));
    const line = lineChart({ title: "Norm", scale: "log", lines: [{ values }] });
    await writeReport(file, { title: "Norm", sections: [section("Norm", line)] });
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    const left = (await page.locator("svg[data-chart]").boundingBox())!.x;
    const numbers = page.locator("svg[data-chart] text[text-anchor=end]:visible");
    const seen: string[] = [];
    for (let zoom = 0; zoom < 4; zoom++) {
      await page.getByLabel("Zoom in").click();
      seen.push((await numbers.allTextContents()).join(" "));
      for (const number of await numbers.all()) {
        expect((await number.boundingBox())!.x, `${seen.at(-1)}`).toBeGreaterThan(left - 1);
      }
    }
    expect(seen.slice(0, 2)).toEqual(["0.05 0.1 0.2 0.5", "0.05 0.1"]);
    await page.close();
  });

  it("is whole where scripts do not run", async () => {
    const file = join(folder, "still.html");
    await writeReport(file, example);
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator("svg text").first().isVisible()).toBe(true);
    expect(await page.locator("button").count()).toBe(0);
    await context.close();
  });
});

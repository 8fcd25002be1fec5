/// <reference lib="dom" />
/** @file The system's Chromium, for tests that look at pages. Nothing is downloaded for it. */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const executablePath = "/usr/bin/chromium";

/** Why no browser can be used; `undefined` when one can. */
export const chromiumMissing: string | undefined = existsSync(executablePath)
  ? undefined
  : `there is no ${executablePath} (Debian's package chromium)`;

/** Starts Chromium without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Opens a file at a width and in a colour scheme. */
async function open(browser: Browser, width: number, colorScheme: "light" | "dark", hasTouch = false): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, hasTouch });
  return context.newPage();
}

/**
 * What is wrong with a report, as one reads it at 1400 and 390 pixels, light and dark: errors, requests, sideways scrolling,
 * text over curves or over other text, broken words and numbers in tables, and charts without values under the mouse, a finger
 * or the arrow keys.
 */
export async function faultsOfReport(browser: Browser, file: string): Promise<string[]> {
  const faults: string[] = [];
  for (const width of [1400, 390]) {
    for (const scheme of ["light", "dark"] as const) {
      const page = await open(browser, width, scheme, width === 390);
      const at = `${width} px, ${scheme}: `;
      page.on("console", (message) => faults.push(`${at}${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => faults.push(`${at}error: ${error.message}`));
      page.on("request", (request) => {
        if (!/^(file|data):/.test(request.url())) faults.push(`${at}request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(file).href);
      faults.push(...(await page.evaluate(layoutFaults)).map((fault) => at + fault));
      faults.push(...(await valueFaults(page, width === 390)).map((fault) => at + fault));
      await page.context().close();
    }
  }
  return faults;
}

/** In the page: what overflows or overlaps. */
function layoutFaults(): string[] {
  const faults: string[] = [];
  for (const details of document.querySelectorAll("details")) details.open = true;
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth} px wide`);
  const overlap = (a: DOMRect, b: DOMRect): boolean =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  for (const figure of document.querySelectorAll("figure")) {
    const keys = [...figure.querySelectorAll("figcaption .key")].map((key) => key.getBoundingClientRect());
    if (keys.some((key) => key.right > clientWidth)) faults.push("a legend overflows");
  }
  for (const svg of document.querySelectorAll<SVGSVGElement>("svg[data-chart]")) {
    const label = svg.getAttribute("aria-label");
    const { plot, kind } = JSON.parse(svg.dataset.chart!) as { kind: string; plot: [number, number, number, number] };
    const box = svg.getBoundingClientRect();
    const factor = box.width / svg.viewBox.baseVal.width;
    const [left, top, right, bottom] = plot.map((pixels) => pixels * factor) as typeof plot;
    const plotBox = new DOMRect(box.left + left, box.top + top, right - left, bottom - top);
    const texts = [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
    if (texts.length < 3) faults.push(`${label}: its axes have no labels`);
    if (kind === "lines" && texts.some((text) => overlap(text, plotBox))) faults.push(`${label}: text over curves`);
    if (texts.some((text, i) => texts.slice(i + 1).some((other) => overlap(text, other)))) {
      faults.push(`${label}: text over text`);
    }
    // A chart's text stays in line with the text of the page.
    const fits = texts.every((text) => text.left >= box.left - 1 && text.right <= box.right + 1);
    if (!fits || texts.some((text) => text.left < -1 || text.right > clientWidth + 1))
      faults.push(`${label}: text is cut off`);
  }
  // Numbers stay whole, and so do the parts of names, as far as they fit into a narrow column.
  const longest = 14;
  for (const cell of document.querySelectorAll(".numbers :is(th, td), .settings :is(th, td)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
      for (const { 0: word, index } of text.nodeValue!.matchAll(/[\d.]+(?:e[+-]?\d+)?(?:\u202f%)?(?!\w)|[^\s./_-]+/g)) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
        if (lines.size > 1 && word.length <= longest) faults.push(`"${word}" in a table is broken across lines`);
      }
    }
  }
  return faults;
}

/** Charts and cells that show no value under the mouse or a finger, and by the arrow keys. */
async function valueFaults(page: Page, touch: boolean): Promise<string[]> {
  const faults: string[] = [];
  const shown = async (label: string, how: string, act: () => Promise<unknown>): Promise<void> => {
    const tip = page.locator(".tip");
    let isVisible = false;
    // On a busy machine the page may hear late of a scrolling, which hides what it shows.
    for (let attempt = 0; attempt < 5 && !isVisible; attempt++) {
      await act();
      isVisible = await tip.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
    }
    const text = isVisible ? await tip.textContent() : "";
    if (!/\d/.test(text ?? "")) faults.push(`${label}: no value ${how}`);
    const box = await tip.boundingBox();
    if (box !== null && (box.x < 0 || box.x + box.width > page.viewportSize()!.width)) {
      faults.push(`${label}: values are cut off ${how}`);
    }
  };
  for (const chart of await page.locator("svg[data-chart]").all()) {
    const label = (await chart.getAttribute("aria-label"))!;
    await shown(label, touch ? "under a finger" : "under the mouse", async () => {
      // A page that still lays itself out moves the chart: its place is looked up in each attempt.
      const { x, y, width, height } = await chart.evaluate(async (svg) => {
        svg.scrollIntoView({ block: "center" });
        // The page hears of the scrolling in the next frame, and then hides what it shows.
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
        return svg.getBoundingClientRect();
      });
      const [left, top] = [x + width * 0.6, y + height * 0.4];
      if (touch) return page.touchscreen.tap(left, top);
      await page.mouse.move(left - 1, top);
      return page.mouse.move(left, top);
    });
    await page.mouse.move(0, 0);
    await chart.focus();
    await shown(label, "by the arrow keys", async () => {
      for (const key of ["Escape", "ArrowLeft", "ArrowUp"]) await page.keyboard.press(key);
    });
    await page.keyboard.press("Escape");
  }
  const cell = page.locator("[data-tip]").first();
  if ((await cell.count()) > 0) {
    await cell.scrollIntoViewIfNeeded();
    await shown("cell", touch ? "under a finger" : "under the mouse", () => (touch ? cell.tap() : cell.hover()));
  }
  return faults;
}

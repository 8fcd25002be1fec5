import { type LineChartOptions, lineChart, svgPicture } from "@sew/analysis";
import { describe, expect, it } from "vitest";

const chart = (title: string, names: readonly string[]): LineChartOptions => ({
  title,
  lines: names.map((name, i) => ({ name, values: [i, i + 1, i + 2] })),
});
const families = ["Spiking", "SEW ADD"];

/** The numbers of an attribute, in order. */
const numbers = (svg: string, pattern: RegExp): number[] =>
  [...svg.matchAll(pattern)].map(([, value]) => Number(value));

describe("svgPicture", () => {
  it("is one SVG with the titles, legends and curves of its charts, and nothing that only a report needs", () => {
    const svg = svgPicture({ title: "Norms & rates", charts: [chart("Norm", families), chart("Rate", families)] });
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="992" .*>\n<title>Norms &amp; rates<\/title>/,
    );
    for (const text of ["Norm", "Rate", "Spiking", "SEW ADD"]) expect(svg).toContain(`>${text}</text>`);
    expect(svg).not.toMatch(/data-chart|<script|<figure|<span/);
    // A drawing of its own in each panel, and the whole.
    expect(svg.match(/<svg/g)).toHaveLength(3);
  });

  it("has the colours of reports, for light and dark mode", () => {
    const svg = svgPicture({ title: "Norms", charts: [chart("Norm", families)] });
    const colours = (text: string) => new Set(text.match(/var\(--(?:first|second)\)/g));
    expect(colours(svg)).toEqual(colours(lineChart(chart("Norm", families)).text));
    expect(svg).toContain("@media (prefers-color-scheme: dark)");
    expect(svg).toContain('fill="var(--page)"');
  });

  it("breaks a legend that is too long, and keeps the charts of a row on one line", () => {
    const many = Array.from({ length: 9 }, (_, i) => `a network named ${i}`);
    const svg = svgPicture({ title: "Norms", charts: [chart("Long", many), chart("Short", ["a"])] });
    const charts = numbers(svg, /<g transform="translate\(0 (\d+)\)"><svg/g);
    expect(charts).toEqual([24 + 5 * 20, 24 + 5 * 20]);
  });

  it("places so many charts in a row", () => {
    const charts = ["a", "b", "c"].map((title) => chart(title, families));
    const rows = (columns?: number) => {
      const svg = svgPicture({ title: "Norms", charts, ...(columns !== undefined && { columns }) });
      return new Set(numbers(svg, /<g transform="translate\(\d+ (\d+)\)"><text/g)).size;
    };
    expect([rows(), rows(1), rows(3)]).toEqual([2, 3, 1]);
  });

  it("gives the same text for the same charts", () => {
    const make = () => svgPicture({ title: "Norms", charts: [chart("Norm", families)] });
    expect(make()).toBe(make());
  });

  it("refuses to draw nothing", () =>
    expect(() => svgPicture({ title: "Norms", charts: [] })).toThrow("svgPicture: charts must be 1 or more, got none"));
});

describe("the guides of a line chart", () => {
  it("are dashed lines at their positions, which the page's script receives", () => {
    const plain = lineChart(chart("Norm", families)).text;
    const guided = lineChart({ ...chart("Norm", families), guides: [1, 2] }).text;
    const dashed = (text: string) => text.match(/stroke-dasharray="3,3"/g)?.length ?? 0;
    expect([dashed(plain), dashed(guided)]).toEqual([0, 2]);
    expect(guided).toContain("&quot;guides&quot;:[1,2]");
    expect(plain).not.toContain("guides");
  });
});

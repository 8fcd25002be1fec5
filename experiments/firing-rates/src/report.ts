/** @file The report of firing rates: each network a line over its blocks, and each run over its epochs. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  csv,
  type EpochRecord,
  type LineChartOptions,
  lineChart,
  measuresSection,
  type Section,
  section,
  settingsSection,
  sideBySide,
  svgPicture,
  table,
  writeReport,
} from "@sew/analysis";
import { writeAtomic } from "@sew/files";
import { type NetworkRates, namesOf } from "./measure.js";

/** A network, and how its rates came to be. */
export interface Measured extends NetworkRates {
  readonly history: readonly EpochRecord[];
}

/** Aˡ and Oˡ over the blocks, a line for each network; none where no network has them. */
function chartsOf(networks: readonly Measured[]): LineChartOptions[] {
  const names = namesOf(networks);
  const blocks = Math.max(...networks.map(({ firingRates }) => Object.keys(firingRates).length));
  const x = Array.from({ length: blocks }, (_, l) => l + 1);
  const chart = (title: string, part: "residual" | "output"): LineChartOptions[] => {
    const lines = networks.flatMap(({ firingRates }, i) => {
      const values = Object.values(firingRates).map((rates) => rates[part]);
      if (values.every((value) => value === undefined)) return [];
      return [{ name: names[i]!, values: x.map((_, l) => values[l]) }];
    });
    return lines.length === 0 ? [] : [{ title, lines, x, xName: "block" }];
  };
  return [...chart("Firing rate of Aˡ", "residual"), ...chart("Firing rate of Oˡ", "output")];
}

function numbersOf(networks: readonly Measured[]): Section {
  const rate = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(4));
  const names = namesOf(networks);
  return section(
    "Numbers",
    networks.map(({ firingRates }, i) =>
      section(
        names[i]!,
        table(
          ["Block", "Aˡ", "Oˡ"],
          Object.entries(firingRates).map(([path, { residual, output }]) => [path, rate(residual), rate(output)]),
        ),
      ),
    ),
  );
}

/** Writes `report.html`, `rates.json`, `rates.csv` with a row for each block of each network, and, as a picture, `rates.svg`. */
export async function writeRates(folder: string, networks: readonly Measured[]): Promise<void> {
  const charts = chartsOf(networks);
  const names = namesOf(networks);
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string): Promise<void> =>
    writeAtomic(join(folder, name), [Buffer.from(text)], "firing-rates");
  await write("rates.json", `${JSON.stringify(networks, null, 2)}\n`);
  const blocks = networks.flatMap(({ firingRates }, i) =>
    Object.entries(firingRates).map(([path, rates], l) => ({ network: names[i]!, block: l + 1, path, ...rates })),
  );
  await write("rates.csv", csv(blocks));
  await write("rates.svg", svgPicture({ title: "Firing rates of the blocks", charts }));
  await writeReport(join(folder, "report.html"), {
    title: "Firing rates",
    subtitle: names.join(" · "),
    sections: [
      section("Blocks", sideBySide(...charts.map(lineChart))),
      ...networks.map(({ history }, i) => measuresSection(history, `${names[i]}, over the epochs`)),
      numbersOf(networks),
      settingsSection(
        Object.fromEntries(
          networks.map(({ run, experiment, dataset, notation, weights, samples, evaluatedOn }, i) => [
            names[i]!,
            { run, experiment, dataset, notation, weights, samples: `${samples} of the ${evaluatedOn} data` },
          ]),
        ),
      ),
    ],
  });
}

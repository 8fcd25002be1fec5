/** @file What a check leaves: its report, its numbers, and the figures as pictures. */
import { join } from "node:path";
import {
  csv,
  html,
  lineChart,
  section,
  settingsSection,
  sideBySide,
  svgPicture,
  table,
  writeReport,
} from "@sew/analysis";
import { writeAtomic } from "@sew/files";
import { chartsOf } from "./charts.js";
import { writeJson } from "./folder.js";
import type { Images } from "./images.js";
import type { Measurement } from "./measure.js";
import type { Statement } from "./statements.js";
import { tablesOf } from "./tables.js";

/** A check that is over. */
export interface Results {
  /** The heading, such as `ResNet-152 at initialisation`. */
  readonly title: string;
  readonly images: Images;
  readonly configuration: object;
  readonly environment: object;
  readonly measurements: readonly Measurement[];
  readonly statements: readonly Statement[];
  /** Figures at the head, such as the time. */
  readonly cost: { readonly seconds: number; readonly gibibytes: number };
}

/** Writes `report.html`, `results.json`, `blocks.csv` with a row for each block of each network, and a picture of each figure. */
export async function writeResults(folder: string, results: Results): Promise<void> {
  const { title, images, configuration, environment, measurements, statements, cost } = results;
  const charts = chartsOf(measurements);
  for (const { name, title: heading, panels } of charts) {
    await writeAtomic(
      join(folder, `${name}.svg`),
      [Buffer.from(svgPicture({ title: heading, charts: panels }))],
      "gradient-check",
    );
  }
  await writeJson(folder, "results.json", { statements, measurements });
  const blocks = measurements.flatMap(({ figure, family, zeroInit, blocks }) =>
    blocks.map((block, l) => ({ figure, family, zeroInit, block: l + 1, ...block })),
  );
  await writeAtomic(join(folder, "blocks.csv"), [Buffer.from(csv(blocks))], "gradient-check");
  const held = statements.filter(({ holds }) => holds).length;
  const networks = measurements.length;
  await writeReport(join(folder, "report.html"), {
    title,
    subtitle: "Firing rates and gradient norms of each block before training, Figs. 5 to 8 of the paper",
    notes: images.synthetic ? ["The images are synthetic: sums of waves. --data takes a folder of real ones."] : [],
    figures: [
      { name: "Statements that hold", value: `${held} of ${statements.length}` },
      { name: "Networks", value: String(networks), detail: `${cost.seconds.toFixed(0)} s in all` },
      { name: "Peak memory", value: `${cost.gibibytes.toFixed(2)} GiB`, detail: "resident, of the whole process" },
    ],
    sections: [
      section(
        "What the paper says",
        html`<ul>${statements.map(
          ({ source, text, measured, holds }) =>
            html`<li>${holds ? "✓" : html`<b>✗ does not hold here:</b>`} ${source}: ${text}: ${measured}</li>`,
        )}</ul>`,
      ),
      ...charts.map(({ title, panels }) => section(title, sideBySide(...panels.map(lineChart)))),
      section(
        "Numbers",
        tablesOf(measurements).map(
          ({ title, columns, rows }) => html`<details><summary>${title}</summary>${table(columns, rows)}</details>`,
        ),
      ),
      settingsSection({ Configuration: configuration, Environment: environment }),
    ],
  });
}

/** @file A process that measures one thing, tells its parent and ends. */
import "@tensorflow/tfjs";
import { useBackend } from "@sew/backends";
import { ofSweep, ofTable } from "./measurements.js";
import { measurePeak } from "./peak.js";

const [name, runs] = process.argv.slice(2) as [string, string];
await useBackend("native");
const figures = await (ofTable.get(name) ?? ofSweep.get(name))!(Number(runs));
process.send!({ figures, peak: measurePeak(5) });

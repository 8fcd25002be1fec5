import { ok } from "node:assert";
import { type ReportData, report } from "@sew/analysis";

const data: ReportData = { title: "An untrained network" };
ok(report(data).includes(data.title));

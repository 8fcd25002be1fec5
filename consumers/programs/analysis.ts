import { ok } from "node:assert";
import { type Report, report } from "@sew/analysis";

const content: Report = { title: "An untrained network", sections: [] };
ok(report(content).includes(content.title));

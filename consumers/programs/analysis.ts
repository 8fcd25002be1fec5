import { ok } from "node:assert";
import { html, lineChart, type Report, report, section } from "@sew/analysis";

const loss = lineChart({ title: "Loss", lines: [{ name: "train", values: [2, 1] }] });
const data: Report = { title: "An untrained network", sections: [section("Mine", html`<p>${"a < b"}</p>`, loss)] };
ok(report(data).includes("<p>a &lt; b</p>"));

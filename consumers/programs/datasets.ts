import { deepStrictEqual } from "node:assert";
import { type Events, integrate } from "@sew/datasets";

const events: Events = {
  t: Float64Array.of(0, 10, 20, 30),
  x: Uint16Array.of(0, 1, 0, 1),
  y: Uint16Array.of(0, 0, 0, 0),
  p: Uint8Array.of(0, 1, 1, 1),
};
const frames = integrate(events, { frames: 2, by: "count", height: 1, width: 2 });
deepStrictEqual([...frames], [1, 0, 0, 1, 0, 1, 0, 1]);

import { eventsBetween } from "@sew/datasets";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf, rowsOf, sortedRows } from "./support.js";

describe("eventsBetween", () => {
  it("keeps exactly the events with start <= t < end, in order, sorted or not", () =>
    fc.assert(
      fc.property(sortedRows(), fc.nat(1000), fc.nat(1000), fc.boolean(), (sorted, start, end, reverse) => {
        const rows = reverse ? sorted.toReversed() : sorted;
        expect(rowsOf(eventsBetween(eventsOf(rows), start, end))).toEqual(rows.filter(([t]) => t >= start && t < end));
      }),
    ));

  it("takes the first microsecond and leaves the last", () => {
    const events = eventsOf([
      [9, 0, 0, 0],
      [10, 1, 0, 0],
      [20, 2, 0, 1],
    ]);
    expect(rowsOf(eventsBetween(events, 10, 20))).toEqual([[10, 1, 0, 0]]);
  });
});

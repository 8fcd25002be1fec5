import { eventDatasets } from "@sew/datasets";
import { expect, it } from "vitest";

it.each(Object.entries(eventDatasets))(
  "%s has its own name in the record, and opens without its files",
  (name, open) => {
    const dataset = open("no such folder");
    expect(dataset.name).toBe(name);
    expect(dataset.classes.length).toBeGreaterThan(1);
  },
);

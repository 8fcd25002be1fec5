import { eventDatasets } from "@sew/datasets";
import { expect, it } from "vitest";

it.each(Object.entries(eventDatasets))(
  "%s opens without its files, and names its caches for its name in the record",
  (name, open) => {
    const dataset = open("no such folder");
    // A part of the name may say which split, as in cifar10-dvs-sew.
    expect(`${dataset.name}-`.startsWith(`${name}-`)).toBe(true);
    expect(dataset.classes.length).toBeGreaterThan(1);
  },
);

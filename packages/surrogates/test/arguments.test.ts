/** @file What every surrogate refuses at once: its parameter by its name, with the value. */
import { shown } from "@sew/kernels";
import { type Spike, surrogates } from "@sew/surrogates";
import { describe, expect, it } from "vitest";

const bad: readonly unknown[] = [Number.NaN, Infinity, -Infinity, 0, -1, null, "2", "\u001b[2J", true, [], {}];
/** The names of the parameters that are not α. */
const names: Readonly<Record<string, string>> = { constant: "value", rectangular: "a" };

describe.each(Object.entries(surrogates).filter(([, make]) => make.length > 0 || !/scaledAtan/.test(make.name)))(
  "%s",
  (surrogate, make) => {
    const name = names[surrogate] ?? "alpha";
    it.each(bad)("refuses %o", (value) =>
      expect(() => (make as (options: object) => Spike)({ [name]: value })).toThrow(
        new RangeError(`${surrogate}: ${name} must be a finite number above 0, got ${shown(value)}`),
      ),
    );
  },
);

/** The reference cases that come with this package, on every backend. */
import { describeBackends } from "@sew/testing";
import { expect, it } from "vitest";
import { referenceCases, referenceKinds } from "../src/reference/index.js";

/** Why cases are skipped on a backend. */
const tooSlow: Readonly<Record<string, string>> = {
  "networks on cpu": "20 GFLOP in plain JavaScript take minutes; the native backend runs them",
};

for (const kind of referenceKinds) {
  describeBackends(`the reference cases of ${kind}`, (backend) => {
    const reason = tooSlow[`${kind} on ${backend}`];
    for (const { name, run } of referenceCases(kind)) {
      it(name, ({ skip }) => {
        if (reason !== undefined) skip(reason);
        expect(run()).toEqual([]);
      });
    }
  });
}

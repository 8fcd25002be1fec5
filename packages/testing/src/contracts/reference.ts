/** @file Reference cases as tests. */
import { expect, it } from "vitest";
import { type BackendName, describeBackends } from "../backends.js";
import { type ReferenceKind, referenceCases } from "../reference/index.js";

/**
 * Tests all reference cases of one kind, on every backend.
 *
 * @param tooSlow backends on which these cases are skipped, with the reason
 */
export function describeReference(kind: ReferenceKind, tooSlow: Partial<Record<BackendName, string>> = {}): void {
  describeBackends(`the reference cases of ${kind}`, (backend) => {
    for (const c of referenceCases(kind)) {
      const reason = tooSlow[backend];
      if (reason !== undefined) console.info(`Skipped on ${backend}: ${c.name}: ${reason}`);
      it(c.name, ({ skip }) => {
        if (reason !== undefined) return skip(reason);
        expect(c.run()).toEqual([]);
      });
    }
  });
}

import { tidy } from "@tensorflow/tfjs-core";

/** Runs a test's body and frees its tensors: a `tidy` without a result, so that `expect(...)` may be its last word. */
export function scoped(body: () => void): void {
  tidy(() => {
    body();
  });
}

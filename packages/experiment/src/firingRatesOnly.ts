/** @file The firing rates of trained weights, without training. */
import { firingRates } from "@sew/analysis";
import { createLoader, subset } from "@sew/datasets";
import { tensor } from "@tensorflow/tfjs-core";
import { describedBy, type Numbers, type Run, say, takeTrained } from "./run.js";

/** Samples per forward pass. */
const BATCH = 8;

/**
 * The firing rates of each block of a run's best weights, or of `--weights`, on the test data (else the validation data, else
 * the training data without their random transforms).
 *
 * @param count of samples at equal distances; all where there are fewer
 */
export async function firingRatesOnly<Own extends object>(run: Run<Own>, count: number): Promise<Numbers> {
  const { settings, built, data, experiment } = run;
  const weights = await takeTrained(run);
  const { train, validation, test } = data.sources;
  const [evaluatedOn, source] = test
    ? ["test", test]
    : validation
      ? ["validation", validation]
      : (["training", train] as const);
  const samples = Math.min(count, source.count);
  const indices = Array.from({ length: samples }, (_, i) => Math.floor((i * source.count) / samples));
  const transforms = experiment.datasets[settings.dataset]!.allTransforms?.(settings) ?? [];
  const loader = createLoader(subset(source, indices), { batchSize: BATCH, workers: settings.workers, transforms });
  const sums = new Map<string, { residual?: number; output: number }>();
  try {
    for await (const { x, shape } of loader.epoch()) {
      const input = tensor(x, [...shape]);
      const { blocks } = await firingRates(built.model, input, { shares: false }).finally(() => input.dispose());
      const part = shape[1]! / samples;
      for (const [path, { residual, output }] of Object.entries(blocks)) {
        const before = sums.get(path) ?? { output: 0 };
        sums.set(path, {
          ...(residual !== undefined && { residual: (before.residual ?? 0) + part * residual }),
          output: before.output + part * output,
        });
      }
    }
  } finally {
    await loader.close();
  }
  if (sums.size === 0) {
    throw new RangeError(`--firing-rates: the network must have blocks, got none in ${built.notation}`);
  }
  say(`firing rates of ${samples} ${evaluatedOn} samples, ${weights}`);
  return { ...describedBy(run), evaluatedOn, samples, weights, firingRates: Object.fromEntries(sums) };
}

/** @file The settings that environment variables make, read once when the backend is registered. */
import { setInstructionSet, setThreads } from "./addon.js";
import { setBreakEvensFrom } from "./breakEven.js";
import { type Precision, setPrecision } from "./precision.js";
import { type SpikeConvolution, setSpikeConvolution } from "./spikeConvolution.js";
import { type SpikeStorage, setSpikeStorage } from "./spikeStorage.js";

/** What each variable sets. The functions check the values. */
const settings: Readonly<Record<string, (value: string) => void>> = {
  SEW_ISA: setInstructionSet,
  SEW_THREADS: (count) => setThreads(Number(count)),
  SEW_SPIKES: (storage) => setSpikeStorage(storage as SpikeStorage),
  SEW_PRECISION: (precision) => setPrecision(precision as Precision),
  SEW_SPIKE_CONVOLUTION: (convolution) => setSpikeConvolution(convolution as SpikeConvolution),
  SEW_BREAK_EVEN: setBreakEvensFrom,
};

/**
 * Applies the environment variables that are set. Where none is, earlier calls of the `set` functions and the defaults hold.
 *
 * @throws RangeError that names the variable, its value and what it must be
 */
export function applyEnvironment(): void {
  for (const [variable, set] of Object.entries(settings)) {
    const value = process.env[variable];
    if (value === undefined) continue;
    try {
      set(value);
    } catch (error) {
      throw new RangeError(`${variable}=${value}: ${(error as Error).message}`);
    }
  }
}

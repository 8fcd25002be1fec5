/** @file Events in NumPy's `.npz`, as SpikingJelly caches them. */
import { allocateEvents, type Events } from "../events.js";
import { readNpyArrays } from "./npz.js";
import { type EventFormat, type RecordingFile, type RecordingOptions, readFormat } from "./recording.js";

/**
 * Reads events from a `.npz` file, as SpikingJelly writes them to its folders `events_np`.
 *
 * Format: a ZIP archive with the arrays `t`, `x`, `y` and `p`, each `[N]`, of integers or booleans of any size: times
 * in microseconds, columns, rows and polarities 0 and 1. Arrays may be stored (`numpy.savez`) or deflated
 * (`numpy.savez_compressed`).
 *
 * @param file path, or the bytes of the whole file; an array may have at most 2 GiB
 * @returns its events, in the order of the arrays
 * @throws FileFormatError naming the file when it is of another format or damaged, when an array is missing, has
 *   another length than the others or another type, or holds a value that no event has; RangeError when it is no
 *   regular file
 * @see `numpy.lib.format`; `load_events` of the data sets of SpikingJelly
 *
 * @example
 * ```ts no-run
 * const { t, x, y, p } = await readNpz("DVS128Gesture/events_np/train/0/user01_fluorescent_0.npz");
 * ```
 */
export function readNpz(file: RecordingFile, options: RecordingOptions = {}): Promise<Events> {
  return readFormat(npz, file, options);
}

/** The format; see {@link readNpz}. */
export const npz: EventFormat = {
  format: "NPZ",
  reader: "readNpz",
  async *blocks(bytes) {
    const arrays = await readNpyArrays(bytes, COLUMNS);
    const count = arrays.t.data.length;
    const events = allocateEvents(count);
    for (const name of COLUMNS) {
      const { shape, data } = arrays[name];
      if (shape.length !== 1 || data.length !== count) {
        throw bytes.fault(undefined, "hold arrays [N] of one length", `${name} of shape [${shape.join(", ")}]`, REMEDY);
      }
      const most = MOST[name];
      const wrong = data.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value <= most));
      if (wrong >= 0) {
        const must = `hold ${name} in whole numbers of 0..${most}`;
        throw bytes.fault(undefined, must, `${data[wrong]} at event ${wrong}`, CONVERT);
      }
      events[name].set(data);
    }
    yield events;
  },
};

const COLUMNS = ["t", "x", "y", "p"] as const;
/** The largest value of each column. */
const MOST = { t: Number.MAX_SAFE_INTEGER, x: 2 ** 16 - 1, y: 2 ** 16 - 1, p: 1 };
const CONVERT = "convert the column, and save it again";
const REMEDY = "save them with numpy.savez(file, t=t, x=x, y=y, p=p)";

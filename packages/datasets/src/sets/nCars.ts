/** @file N-CARS: cars and backgrounds, cut from recordings of an ATIS behind a windscreen. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type EventDataset, type EventDatasetOptions, nameWith, type Split } from "../eventDataset.js";
import { readDat } from "../formats/readDat.js";
import { checkTruncated } from "../formats/recording.js";
import { listClassFolders } from "./classFolders.js";

const CLASSES = ["background", "cars"];

/**
 * N-CARS as published: 100 x 120 pixels, 2 classes, some 15,422 train and 8,607 test samples of 0.1 s.
 *
 * `dir` holds `train` and `test` (or `n-cars_train` and `n-cars_test`), each with the folders `background` and `cars`
 * of `.dat` files. Label 0 is background, 1 is car. Samples are in the order of class and file name, named
 * `<class>/<file>`. Recordings are cut-outs of different sizes; all lie in the top left of 100 rows and 120 columns.
 *
 * @param dir the folder that holds the splits
 * @throws TypeError when an option is none of its values
 * @throws (samples) Error when a split or class has no folder, or a class no recording
 * @throws (events) FileFormatError as `readDat`
 * @see Sironi et al., "HATS: Histograms of Averaged Time Surfaces for Robust Event-based Object Classification", CVPR
 *   2018
 *
 * @example
 * ```ts no-run
 * const cache = await cacheFrames(nCars("data/N-CARS"), "train", { dir: "cache", frames: 10 });
 * cache.classes; // ["background", "cars"]
 * ```
 */
export function nCars(dir: string, { truncated = "refuse" }: EventDatasetOptions = {}): EventDataset {
  checkTruncated("nCars", truncated);
  const [height, width] = [100, 120];
  return {
    name: nameWith("n-cars", { truncated: truncated === "keep" }),
    classes: CLASSES,
    height,
    width,
    samples(split) {
      const folderOf = (name: Split) =>
        [name, `n-cars_${name}`].map((each) => join(dir, each)).find((path) => existsSync(path));
      const folder = folderOf(split);
      if (folder === undefined) {
        const missing = (["train", "test"] as const).filter((name) => folderOf(name) === undefined);
        return Promise.reject(
          new Error(
            `nCars: dir must hold the folders train and test, got no ${missing.join(" and no ")} in ${dir}; unpack ` +
              "Prophesee_Dataset_n_cars.zip there",
          ),
        );
      }
      return listClassFolders({ caller: "nCars", dir: folder, folders: CLASSES, ending: ".dat" });
    },
    events: ({ files: [file = ""] }) => readDat(file, { height, width, truncated }),
  };
}

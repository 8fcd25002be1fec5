/** @file N-Caltech101: the pictures of Caltech101, seen by an event camera that moves. */
import { type EventDataset, type EventDatasetOptions, nameWith } from "../eventDataset.js";
import { readAtis } from "../formats/readAtis.js";
import { checkTruncated } from "../formats/recording.js";
import { listClassFolders } from "./classFolders.js";
import { splitByClass } from "./splitByClass.js";

/** Names of the folders in the order of their names as text, which puts capitals first. */
const CLASSES =
  `BACKGROUND_Google Faces_easy Leopards Motorbikes accordion airplanes anchor ant barrel bass beaver binocular
  bonsai brain brontosaurus buddha butterfly camera cannon car_side ceiling_fan cellphone chair chandelier cougar_body
  cougar_face crab crayfish crocodile crocodile_head cup dalmatian dollar_bill dolphin dragonfly electric_guitar elephant emu
  euphonium ewer ferry flamingo flamingo_head garfield gerenuk gramophone grand_piano hawksbill headphone hedgehog helicopter
  ibis inline_skate joshua_tree kangaroo ketch lamp laptop llama lobster lotus mandolin mayfly menorah metronome minaret
  nautilus octopus okapi pagoda panda pigeon pizza platypus pyramid revolver rhino rooster saxophone schooner scissors
  scorpion sea_horse snoopy soccer_ball stapler starfish stegosaurus stop_sign strawberry sunflower tick trilobite umbrella
  watch water_lilly wheelchair wild_cat windsor_chair wrench yin_yang`.split(/\s+/);

/**
 * N-Caltech101 as published: 180 x 240 pixels, 101 classes, 8,709 samples of about 0.3 s.
 *
 * `dir` is the unpacked `Caltech101` folder, `<class>/image_<number>.bin`. Samples are in the order of class and file
 * name. The set was published without a split: the train split is the first `ceil(0.9 n)` samples of each class, the
 * rest the test split, as SpikingJelly's `split_to_train_test_set(0.9, ...)` makes it.
 *
 * Traps: `BACKGROUND_Google` is class 0, and works that leave it out report 100 classes. Coordinates are as recorded;
 * Tonic subtracts the least x and y of each sample from them. Entries at row 240 are no events, see {@link readAtis}.
 *
 * @param dir the folder that holds the class folders
 * @throws TypeError when an option is none of its values
 * @throws (samples) Error when a class has no folder or no recording
 * @throws (events) FileFormatError as `readAtis`
 * @see Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", 2015
 *
 * @example
 * ```ts no-run
 * const cache = await cacheFrames(nCaltech101("data/Caltech101"), "test", { dir: "cache", frames: 10 });
 * cache.shape; // [10, 180, 240, 2]
 * ```
 */
export function nCaltech101(dir: string, { truncated = "refuse" }: EventDatasetOptions = {}): EventDataset {
  checkTruncated("nCaltech101", truncated);
  const [height, width] = [180, 240];
  return {
    name: nameWith("n-caltech101", { truncated: truncated === "keep" }),
    classes: CLASSES,
    height,
    width,
    samples: async (split) =>
      splitByClass(await listClassFolders({ caller: "nCaltech101", dir, folders: CLASSES, ending: ".bin" }), split),
    events: ({ files: [file = ""] }) => readAtis(file, { height, width, truncated }),
  };
}

export { mixSeed } from "./mixSeed.js";
export { permutation } from "./permutation.js";
export { checkSeed, type Random, random } from "./random.js";

export { type BackendName, backendNames } from "./loaders.js";
export { BackendUnavailable } from "./optionalPackage.js";
export { useBackend } from "./useBackend.js";

export { type BackendName, BackendUnavailable, backendNames } from "./loaders.js";
export { useBackend } from "./useBackend.js";

export { type BackendContract, describeBackend } from "./describeBackend.js";
export { type Numbers, numbers, type OpCase } from "./opCase.js";

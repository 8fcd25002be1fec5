export { type Lock, Locked, type LockOptions, lock } from "./lock.js";
export { openRegular, readRegular } from "./openRegular.js";
export { checkWritable, writeAtomic } from "./writeAtomic.js";

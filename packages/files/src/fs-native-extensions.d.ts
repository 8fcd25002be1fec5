declare module "fs-native-extensions" {
  const extensions: {
    /** Locks an open file for this descriptor until it is closed; `false` where another one holds the lock. */
    tryLock(descriptor: number): boolean;
  };
  export default extensions;
}

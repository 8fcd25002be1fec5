const guarded = new WeakSet<NodeJS.EventEmitter>();

/**
 * Lets a program go on when a stream can no longer be written: a pipe whose reader has ended, a full disk, a terminal that is
 * gone. Node would end it by an `error` event that nobody listens to.
 */
export function ignoreWriteErrors(...streams: readonly NodeJS.EventEmitter[]): void {
  for (const stream of streams) {
    if (!guarded.has(stream)) stream.on("error", () => {});
    guarded.add(stream);
  }
}

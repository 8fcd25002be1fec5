/** What a reader found wrong, and where. */
export interface FileFault {
  /** The function that read the file. */
  readonly reader: string;
  readonly file: string;
  /** Byte offset of the fault from the start of the file; left out where the fault is a line. @defaultValue none */
  readonly offset?: number;
  /** Line of the fault, from 1, in a text file. @defaultValue none */
  readonly line?: number;
  /** What the file must do, as in "must start with …". */
  readonly must: string;
  readonly got: string;
  /** What the user can do about it. @defaultValue none */
  readonly remedy?: string;
  /** Whether the file ends too early, and is right as far as it goes. @defaultValue `false` */
  readonly truncated?: boolean;
}

/**
 * A data file that is not what its format says: truncated, damaged, or of another kind.
 *
 * The message reads `<reader>: <file> must …, got … at byte <offset>; <remedy>`.
 *
 * @example
 * try {
 *   await readAedat31("user01_led.aedat");
 * } catch (error) {
 *   if (error instanceof FileFormatError) console.error(error.file, error.offset);
 * }
 */
export class FileFormatError extends Error {
  override readonly name = "FileFormatError";
  readonly file: string;
  readonly offset: number | undefined;
  readonly line: number | undefined;
  /** Whether the file ends too early, and is right as far as it goes. */
  readonly truncated: boolean;

  constructor({ reader, file, offset, line, must, got, remedy, truncated = false }: FileFault) {
    const where = offset !== undefined ? ` at byte ${offset}` : line !== undefined ? ` at line ${line}` : "";
    super(`${reader}: ${file} must ${must}, got ${got}${where}${remedy === undefined ? "" : `; ${remedy}`}`);
    this.file = file;
    this.offset = offset;
    this.line = line;
    this.truncated = truncated;
  }
}

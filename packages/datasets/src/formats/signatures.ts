/** @file The signatures by which formats of event recordings, and files that are mistaken for them, are known. */

/** Names of the formats of event recordings that this package reads. */
export type RecordingFormat =
  | "AEDAT 2.0"
  | "AEDAT 3.1"
  | "AEDAT 4"
  | "ATIS"
  | "DAT"
  | "EVT2"
  | "EVT2.1"
  | "EVT3"
  | "NPZ";

/** A format, and what its files start with. */
export interface Signature {
  readonly format: RecordingFormat | (string & {});
  /** The function of this package that reads it. */
  readonly reader?: string;
  /** Whether a file is of the format whose first bytes, one character each, are `text`. */
  readonly matches: (text: string) => boolean;
  /** What to do about a file that no function here reads. */
  readonly remedy?: string;
}

const starts =
  (signature: string) =>
  (text: string): boolean =>
    text.startsWith(signature);

const CONVERT = "export its events in one of the formats that readRecording takes";

/** The formats in the order in which they are tried. */
const SIGNATURES: readonly Signature[] = [
  { format: "AEDAT 2.0", reader: "readAedat2", matches: starts("#!AER-DAT2.0") },
  { format: "AEDAT 3.1", reader: "readAedat31", matches: starts("#!AER-DAT3.1") },
  { format: "AEDAT 4", reader: "readAedat4", matches: starts("#!AER-DAT4.0") },
  { format: "AEDAT 1.0", matches: starts("#!AER-DAT1.0"), remedy: "save it with jAER, which writes AEDAT 2.0" },
  { format: "another version of AEDAT", matches: starts("#!AER-DAT"), remedy: CONVERT },
  { format: "EVT2.1", reader: "readEvt21", matches: (text) => evtVersion(text) === "2.1" },
  { format: "EVT2", reader: "readEvt2", matches: (text) => evtVersion(text)?.startsWith("2") === true },
  { format: "EVT3", reader: "readEvt3", matches: (text) => evtVersion(text)?.startsWith("3") === true },
  { format: "DAT", reader: "readDat", matches: isDat },
  {
    format: "NPZ",
    reader: "readNpz",
    matches: (text) => text.startsWith("PK\x03\x04") && text.slice(30, 300).includes(".npy"),
  },
  { format: "ZIP", matches: starts("PK\x03\x04"), remedy: "unpack it" },
  { format: "GZIP", matches: starts("\x1f\x8b"), remedy: "unpack it" },
  { format: "HDF5", matches: starts("\x89HDF\r\n\x1a\n"), remedy: CONVERT },
  {
    format: "NPY",
    matches: starts("\x93NUMPY"),
    remedy: "save its columns with numpy.savez(file, t=..., x=..., y=..., p=...)",
  },
  { format: "MATLAB 5", matches: starts("MATLAB 5.0 MAT-file"), remedy: CONVERT },
  { format: "ROSBAG", matches: starts("#ROSBAG"), remedy: CONVERT },
];

/** Bytes at the start of a file in which its signature, and a header that tells versions apart, are looked for. */
const HEADER_BYTES = 2 ** 16;

/** The format whose signature a file starts with. */
export function recogniseBytes(start: Uint8Array): Signature | undefined {
  const text = Buffer.from(start.buffer, start.byteOffset, Math.min(start.length, HEADER_BYTES)).toString("latin1");
  return SIGNATURES.find(({ matches }) => matches(text));
}

/** The format of a file by its first bytes and its length: by its signature or, where it has none, as 40-bit events. */
export function recogniseStart(start: Uint8Array, length: number): Signature | undefined {
  return recogniseBytes(start) ?? (isAtis(start, length) ? ATIS : undefined);
}

const ATIS: Signature = { format: "ATIS", reader: "readAtis", matches: () => false };

/** What a file is that should have been of another format, and what to do about it. */
export function describeKind(start: Uint8Array, kind: Signature | undefined): { got: string; remedy: string } {
  if (start.length === 0) return { got: "an empty file", remedy: "copy or download it again" };
  if (kind === undefined) {
    const shown = JSON.stringify(Buffer.from(start.subarray(0, 16)).toString("latin1"));
    return { got: `a file that starts with ${shown}`, remedy: "it is of another format or damaged" };
  }
  return { got: kind.format, remedy: kind.remedy ?? `read it with ${kind.reader}` };
}

/** The lines that start with "% ", and where they end. */
function percentHeader(text: string): string {
  return /^(?:% ?[^\n]*\n)*/.exec(text)![0];
}

/** Version of an EVT header: "% evt 2.0", or "% format EVT21;height=720;width=1280" with its point left out. */
function evtVersion(text: string): string | undefined {
  if (!text.startsWith("%")) return undefined;
  const [, dotted, joined] = /^% (?:evt (\d\.\d)|format EVT(\d+))/m.exec(percentHeader(text)) ?? [];
  return dotted ?? joined?.split("").join(".");
}

/** A header of "%" lines, then the type of the events and their size, which is 8. */
function isDat(text: string): boolean {
  return text.startsWith("% ") && text.charCodeAt(percentHeader(text).length + 1) === 8;
}

/** Whether a file holds at least 8 whole 40-bit events, whose first 1000 times never decrease but by wrapping around. */
function isAtis(start: Uint8Array, length: number): boolean {
  if (length < 40 || length % 5 !== 0) return false;
  for (let at = 0, last = 0; at + 5 <= Math.min(start.length, 5000); at += 5) {
    if (start[at + 1] === 240) {
      last = 0;
      continue;
    }
    const time = ((start[at + 2]! & 0x7f) << 16) | (start[at + 3]! << 8) | start[at + 4]!;
    if (time < last) return false;
    last = time;
  }
  return true;
}

import { type ByteReader, type HeaderLine, readHeader } from "./recording.js";

/**
 * Reads the header of DAT, EVT2 and EVT3: lines that start with `%`, to `% end` where there is one.
 *
 * Where they say how large the sensor is (`% Height 240`, `% geometry 304x240`, `% format EVT3;height=720;width=1280`)
 * and the options do not, events must lie within that.
 */
export async function readPropheseeHeader(bytes: ByteReader): Promise<HeaderLine[]> {
  const lines = await readHeader(bytes, "%", "% end");
  const text = lines.map((line) => line.text).join("\n");
  const [, columns, rows] = /^% geometry (\d+)x(\d+)/m.exec(text) ?? [];
  const [, height = rows] = /(?:^% |;)height[ =](\d+)/im.exec(text) ?? [];
  const [, width = columns] = /(?:^% |;)width[ =](\d+)/im.exec(text) ?? [];
  if (height !== undefined) bytes.sensor.height ??= Number(height);
  if (width !== undefined) bytes.sensor.width ??= Number(width);
  return lines;
}

import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { openRegular } from "@sew/files";

/** SHA-256 of a regular file, in hexadecimal; `caller` opens the message when it is none. */
export async function hashFile(caller: string, path: string): Promise<string> {
  const hash = createHash("sha256");
  const handle = await openRegular(caller, path);
  await pipeline(handle.createReadStream({ highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

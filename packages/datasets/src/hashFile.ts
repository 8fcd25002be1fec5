import { createHash } from "node:crypto";
import { openRegular } from "@sew/files";

/** SHA-256 of a regular file, in hexadecimal; `caller` opens the message when it is none. */
export async function hashFile(caller: string, path: string): Promise<string> {
  const hash = createHash("sha256");
  const handle = await openRegular(caller, path);
  try {
    // A stream would take most of the time of a small file.
    const chunk = Buffer.allocUnsafe(1 << 18);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

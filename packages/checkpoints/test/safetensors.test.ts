import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors, type TensorValues, writeSafetensors } from "@sew/checkpoints";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf, temporaryFolder } from "./support.js";

const tensors = fc
  .uniqueArray(fc.string({ minLength: 1, unit: "grapheme" }), { maxLength: 5 })
  .chain((names) =>
    fc.tuple(
      ...names
        .filter((name) => name !== "__metadata__")
        .map((name) =>
          fc.array(fc.nat(3), { maxLength: 4 }).chain((shape) => {
            const length = { minLength: size(shape), maxLength: size(shape) };
            return fc
              .oneof(
                fc.array(fc.float(), length).map((values) => Float32Array.from(values)),
                fc.array(fc.integer(), length).map((values) => Int32Array.from(values)),
              )
              .map((values): [string, TensorValues] => [name, { shape, values }]);
          }),
        ),
    ),
  )
  .map((entries) => new Map(entries));

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const DTYPES = "F64, F32, F16, BF16, F8_E5M2, F8_E4M3, F8_E8M0, I64, I32, I16, I8, U64, U32, U16, U8, BOOL";

/** The bytes of a file with this header and these data. */
function bytesOf(header: string, data: Uint8Array = new Uint8Array()): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), data]);
}

describe("a safetensors file", () => {
  it("gives back every tensor bit for bit, under any name and of any shape", async () => {
    const file = join(await temporaryFolder(), "any.safetensors");
    await fc.assert(
      fc.asyncProperty(tensors, fc.dictionary(fc.string(), fc.string()), async (written, metadata) => {
        await writeSafetensors(file, written, metadata);
        const read = await readSafetensors(file);
        expect(read.tensors).toEqual(written);
        const { sha256, headerSha256, ...rest } = read.metadata;
        expect(rest).toEqual(metadata);
        expect([sha256, headerSha256].every((digest) => /^[0-9a-f]{64}$/.test(digest!))).toBe(true);
      }),
    );
  });

  it("is refused before it is written, or read as it was, whatever the names, texts and shapes", async () => {
    const file = join(await temporaryFolder(), "hostile.safetensors");
    const text = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc.constantFrom(
        "",
        "__proto__",
        "constructor",
        "\0",
        '"',
        "\\",
        "\ud800",
        "\udc00\ud800",
        "sha256",
        "headerSha256",
      ),
      fc.constantFrom('"headerSha256":""', "\u001b[31m", "\ufeff", "__metadata__", "0"),
    );
    const shape = fc.array(fc.constantFrom(0, 1, 2, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -1, 0.5, Number.NaN), {
      maxLength: 4,
    });
    const values = fc.nat(2).map((length) => new Float32Array(length));
    const entries = fc.uniqueArray(fc.tuple(text, fc.record({ shape, values })), {
      maxLength: 3,
      selector: ([name]) => name,
    });
    await fc.assert(
      fc.asyncProperty(entries, fc.array(fc.tuple(text, text), { maxLength: 2 }), async (tensors, texts) => {
        const written = new Map(tensors);
        const message = await messageOf(writeSafetensors(file, written, Object.fromEntries(texts)));
        if (message !== "nothing was thrown") {
          expect(message).toMatch(/^writeSafetensors: /);
          return;
        }
        const read = await readSafetensors(file);
        expect(read.tensors).toEqual(written);
        for (const [name, value] of new Map(texts)) {
          if (name !== "sha256" && name !== "headerSha256") expect(read.metadata[name]).toBe(value);
        }
      }),
    );
  });

  it("has a header of a multiple of 8 bytes, and the data behind it in order", async () => {
    const file = join(await temporaryFolder(), "layout.safetensors");
    const a = { shape: [2, 1], values: Float32Array.of(1, 2) };
    const b = { shape: [], values: Float32Array.of(3) };
    await writeSafetensors(
      file,
      new Map([
        ["a", a],
        ["b", b],
      ]),
      { note: "é" },
    );
    const bytes = await readFile(file);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const data = bytes.subarray(8 + length);
    const header = bytes.subarray(8, 8 + length).toString();
    const { headerSha256 } = JSON.parse(header).__metadata__;
    const unsigned = header.trimEnd().replace(headerSha256, "");
    expect(headerSha256).toBe(createHash("sha256").update(unsigned).digest("hex"));
    expect(JSON.parse(header)).toEqual({
      __metadata__: { note: "é", sha256: createHash("sha256").update(data).digest("hex"), headerSha256 },
      a: { dtype: "F32", shape: [2, 1], data_offsets: [0, 8] },
      b: { dtype: "F32", shape: [], data_offsets: [8, 12] },
    });
    expect([...new Float32Array(Uint8Array.from(data).buffer)]).toEqual([1, 2, 3]);
  });

  it("is read where another program made it, without a digest and in another order", async () => {
    const file = join(await temporaryFolder(), "foreign.safetensors");
    const header =
      '{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  ';
    await writeFile(file, bytesOf(header, new Uint8Array(Float32Array.of(7, 8).buffer)));
    const { tensors: read, metadata } = await readSafetensors(file);
    expect([...read.entries()].map(([name, { values }]) => [name, ...values])).toEqual([
      ["a", 7],
      ["b", 8],
    ]);
    expect(metadata).toEqual({});
  });

  const one = (entry: string): string => `{"w":${entry}}`;
  const f32 = (shape: string, offsets: string): string => `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;
  it.each<[string, Buffer, string]>([
    ["an empty file", Buffer.alloc(0), "start with a header length of 8 bytes, got a file of 0 bytes at byte 0"],
    [
      "a header longer than the file",
      Buffer.alloc(8, 255),
      "have a header of at most 0 bytes, got 18446744073709551615 at byte 0",
    ],
    [
      "a truncated header",
      bytesOf(one(f32("[1]", "[0,4]"))).subarray(0, 30),
      "have a header of at most 22 bytes, got 54 at byte 0",
    ],
    ["a header that is no JSON", bytesOf("{nope}"), "have a header of JSON, got "],
    [
      "a header that is no UTF-8",
      Buffer.concat([bytesOf(" ").subarray(0, 8), Buffer.of(255)]),
      "have a header of JSON, got ",
    ],
    ["a header that is a list", bytesOf("[1]"), "have a JSON object as its header, got [1] at byte 8"],
    [
      "a name twice",
      bytesOf(`{"w":${f32("[0]", "[0,0]")} , "\\u0077" : ${f32("[0]", "[0,0]")}}`),
      'name everything once, got "w" twice at byte 8',
    ],
    [
      "a shape twice",
      bytesOf('{"w":{"shape":[],"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
      'name everything once, got "shape" twice at byte 8',
    ],
    [
      "metadata that are no texts",
      bytesOf('{"__metadata__":{"a":1}}'),
      'have texts as its __metadata__, got {"a":1} at byte 8',
    ],
    [
      "another dtype",
      bytesOf('{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', new Uint8Array(1)),
      `have a dtype of ${DTYPES} for w, got F4 at byte 8`,
    ],
    ["an entry that is no object", bytesOf('{"w":null}'), "have a dtype for w, got undefined at byte 8"],
    ["a byte order mark", bytesOf("\ufeff{}"), "have a header of JSON, got "],
    ["a space before the header's object", bytesOf(" {}"), "have a JSON object as its header, got  {} at byte 8"],
    [
      "a deep header",
      bytesOf(`{"w":{"dtype":"F32","shape":${"[".repeat(2000)}${"]".repeat(2000)},"data_offsets":[0,4]}}`),
      "have a header of depth 3 at most, got a deeper one at byte 37",
    ],
    [
      "a header of more values than tensors need",
      bytesOf(`{"w":{"shape":[${"0,".repeat(2 ** 18 + 1)}0]}}`),
      "have at most 262144 commas in its header, got more at byte 524312",
    ],
    [
      "a name with half of a surrogate pair",
      bytesOf(`{"\\ud800":${f32("[0]", "[0,0]")}}`),
      'have texts of well-formed Unicode, got "\\ud800" at byte 8',
    ],
    [
      "one digest without the other",
      bytesOf('{"__metadata__":{"sha256":""}}'),
      "have sha256 and headerSha256 in its __metadata__, or neither, got no headerSha256 at byte 8",
    ],
    [
      "data that do not fit their dtype",
      bytesOf('{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}', Buffer.alloc(8)),
      "have 4 bytes for w of shape [2], got 8 at byte 8",
    ],
    ["a negative size", bytesOf(one(f32("[-1]", "[0,4]"))), "have a shape for w, got [-1] at byte 8"],
    [
      "a huge size",
      bytesOf(one(f32("[9007199254740991,9007199254740991]", "[0,4]")), Buffer.alloc(4)),
      "have a shape for w, got [9007199254740991,9007199254740991] at byte 8",
    ],
    [
      "offsets that go back",
      bytesOf(one(f32("[1]", "[4,0]"))),
      "have data_offsets [begin, end] for w, got [4,0] at byte 8",
    ],
    [
      "offsets beyond the file",
      bytesOf(one(f32("[1000000000]", "[0,4000000000]"))),
      "hold 4000000000 bytes of data, got 0 at byte 80",
    ],
    [
      "overlapping tensors",
      bytesOf(`{"v":${f32("[1]", "[0,4]")},"w":${f32("[1]", "[2,6]")}}`, Buffer.alloc(6)),
      "have w begin at 4 of its data, got 2 at byte 119",
    ],
    [
      "a gap between tensors",
      bytesOf(one(f32("[1]", "[4,8]")), Buffer.alloc(8)),
      "have w begin at 0 of its data, got 4 at byte 62",
    ],
    ["truncated data", bytesOf(one(f32("[2]", "[0,8]")), Buffer.alloc(7)), "hold 8 bytes of data, got 7 at byte 69"],
    ["data too many", bytesOf(one(f32("[1]", "[0,4]")), Buffer.alloc(5)), "hold 4 bytes of data, got 5 at byte 66"],
  ])("refuses %s", async (_, bytes, message) => {
    const file = join(await temporaryFolder(), "bad.safetensors");
    await writeFile(file, bytes);
    const got = await messageOf(readSafetensors(file));
    expect(got).toContain(`readSafetensors: ${file} must ${message}`);
    expect(got).toMatch(
      / at byte \d+; the file is damaged or of another kind: restore it from a copy, or train again$/,
    );
  });

  it("refuses a file in which any bit has changed", async () => {
    const file = join(await temporaryFolder(), "rotten.safetensors");
    const tensors = new Map([["w", { shape: [3], values: Float32Array.of(1, 2, 3) }]]);
    await writeSafetensors(file, tensors, { state: '{"epoch":1}' });
    const bytes = await readFile(file);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(file, changed);
      const message = await messageOf(readSafetensors(file));
      expect(message, `bit ${bit}`).toMatch(
        /^readSafetensors: .*rotten.safetensors must .* at byte \d+; the file is damaged/,
      );
      if (bit >= 8 * (bytes.length - 12)) expect(message).toContain("hold data with the SHA-256 of its header");
    }
  });

  it.skipIf(process.platform === "win32")("refuses pipes, devices and folders without waiting for them", async () => {
    const folder = await temporaryFolder();
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const got = (file: string, kind: string): string => `readSafetensors: ${file} must be a regular file, got ${kind}`;
    expect(await messageOf(readSafetensors(pipe))).toBe(got(pipe, "a pipe"));
    expect(await messageOf(readSafetensors("/dev/zero"))).toBe(got("/dev/zero", "a device"));
    expect(await messageOf(readSafetensors(folder))).toBe(got(folder, "a folder"));
  });

  it("refuses to write what it would not read, and leaves the earlier file", async () => {
    const file = join(await temporaryFolder(), "w.safetensors");
    const one = { shape: [1], values: Float32Array.of(1) };
    await writeSafetensors(file, new Map([["w", one]]));
    const written = (name: string, tensor: TensorValues, metadata = {}) =>
      messageOf(writeSafetensors(file, new Map([[name, tensor]]), metadata));
    expect(await written("__metadata__", one)).toBe(
      `writeSafetensors: tensors of ${file} must have other names than __metadata__, got that`,
    );
    expect(await written("w", { ...one, shape: [2] })).toBe(
      "writeSafetensors: values of w must fill its shape [2], got 1",
    );
    expect(await written("w", { ...one, shape: [-1, -1] })).toBe(
      "writeSafetensors: values of w must fill its shape [-1,-1], got 1",
    );
    expect(await written("w", { shape: [1], values: [1] as unknown as Float32Array })).toBe(
      "writeSafetensors: values of w must be a Float32Array or Int32Array, got object",
    );
    expect(await written("w", one, { epoch: 3 })).toBe(
      `writeSafetensors: metadata of ${file} must be texts, got number for epoch`,
    );
    expect(await written("\ud800", one)).toBe(
      `writeSafetensors: names of ${file} must be well-formed Unicode, got "\\ud800"; rename it`,
    );
    expect(await written("w", one, { note: "\udfff" })).toBe(
      `writeSafetensors: metadata of ${file} must be well-formed Unicode, got "\\udfff"; rename it`,
    );
    const many = new Map(
      Array.from({ length: 90_000 }, (_, i) => [`w${i}`, { shape: [0], values: new Float32Array() }]),
    );
    expect(await messageOf(writeSafetensors(file, many))).toBe(
      `writeSafetensors: the header of ${file} must name fewer tensors and metadata, got 90000 and 0; write several files`,
    );
    expect(await written("w".repeat(100_000_000), one)).toBe(
      `writeSafetensors: the header of ${file} must have at most 100000000 bytes, got 100000232; write fewer tensors or ` +
        "shorter metadata",
    );
    expect((await readSafetensors(file)).tensors).toEqual(new Map([["w", one]]));
  });
});

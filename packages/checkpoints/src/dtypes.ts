/** @file The dtypes of safetensors files, and how each becomes one of the two that TensorFlow.js computes with. */

/** The values of a tensor, row by row, and its shape. */
export interface TensorValues {
  readonly shape: readonly number[];
  /** Float32Array for floating point numbers; Int32Array for integers and booleans. */
  readonly values: Float32Array | Int32Array;
}

/** A dtype of a file. */
export interface Dtype {
  /** Bytes per value. */
  readonly size: number;
  /** Reads little-endian values. Throws {@link Unrepresentable} for one beyond the range of the result. */
  read(bytes: ArrayBuffer): Float32Array | Int32Array;
}

/** A value beyond the range of float32 or int32. */
export class Unrepresentable extends Error {
  constructor(
    readonly index: number,
    readonly value: number | bigint,
    readonly range: "float32" | "int32",
  ) {
    super(`${value} at index ${index} is beyond ${range}`);
  }
}

/** A dtype of floating point numbers: exact where float32 holds them, else rounded to the nearest that it holds. */
function floats(size: number, at: (view: DataView, offset: number) => number): Dtype {
  return {
    size,
    read(bytes) {
      const view = new DataView(bytes);
      const values = new Float32Array(bytes.byteLength / size);
      for (let i = 0; i < values.length; i++) {
        const value = at(view, i * size);
        values[i] = value;
        if (!Number.isFinite(values[i]) && Number.isFinite(value)) throw new Unrepresentable(i, value, "float32");
      }
      return values;
    },
  };
}

/** A dtype of integers: exact, or refused beyond int32. */
function integers(size: number, at: (view: DataView, offset: number) => number | bigint): Dtype {
  return {
    size,
    read(bytes) {
      const view = new DataView(bytes);
      const values = new Int32Array(bytes.byteLength / size);
      for (let i = 0; i < values.length; i++) {
        const value = at(view, i * size);
        if (value > 0x7fffffff || value < -0x80000000) throw new Unrepresentable(i, value, "int32");
        values[i] = Number(value);
      }
      return values;
    },
  };
}

/** IEEE 754 half precision: 1 bit of sign, 5 of exponent, 10 of fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** float8 with 4 bits of exponent and 3 of fraction, of the OCP's specification of 2023: no infinity. */
function e4m3(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 15;
  const fraction = bits & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7));
}

/** float8 of 8 bits of exponent: powers of 2. */
function e8m0(bits: number): number {
  return bits === 255 ? Number.NaN : 2 ** (bits - 127);
}

/** A bfloat16 is the upper half of a float32. */
const bfloat16: Dtype = {
  size: 2,
  read: (bytes) => new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer),
};

/** Every dtype that can be read, by its name in a file. */
export const dtypes: ReadonlyMap<string, Dtype> = new Map([
  ["F64", floats(8, (view, at) => view.getFloat64(at, true))],
  ["F32", { size: 4, read: (bytes) => new Float32Array(bytes) }],
  ["F16", floats(2, (view, at) => half(view.getUint16(at, true)))],
  ["BF16", bfloat16],
  ["F8_E5M2", floats(1, (view, at) => half(view.getUint8(at) << 8))],
  ["F8_E4M3", floats(1, (view, at) => e4m3(view.getUint8(at)))],
  ["F8_E8M0", floats(1, (view, at) => e8m0(view.getUint8(at)))],
  ["I64", integers(8, (view, at) => view.getBigInt64(at, true))],
  ["I32", { size: 4, read: (bytes) => new Int32Array(bytes) }],
  ["I16", integers(2, (view, at) => view.getInt16(at, true))],
  ["I8", integers(1, (view, at) => view.getInt8(at))],
  ["U64", integers(8, (view, at) => view.getBigUint64(at, true))],
  ["U32", integers(4, (view, at) => view.getUint32(at, true))],
  ["U16", integers(2, (view, at) => view.getUint16(at, true))],
  ["U8", integers(1, (view, at) => view.getUint8(at))],
  ["BOOL", integers(1, (view, at) => Math.min(view.getUint8(at), 1))],
]);

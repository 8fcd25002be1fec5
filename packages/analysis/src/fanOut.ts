/** How many outputs along one axis read each input: `fan(y) = #{o, i : o · stride + i · dilation − padding = y}`. */
export function fanOut(
  inputs: number,
  outputs: number,
  { kernel, stride, padding, dilation }: Readonly<Record<"kernel" | "stride" | "padding" | "dilation", number>>,
): Float64Array {
  const fan = new Float64Array(inputs);
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < kernel; tap++) {
      const input = output * stride + tap * dilation - padding;
      if (input >= 0 && input < inputs) fan[input]!++;
    }
  }
  return fan;
}

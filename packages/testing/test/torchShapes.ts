/** @file The state dicts of the peer's networks: keys and shapes, as PyTorch would list them. */

type Shapes = Record<string, number[]>;

const norm = (name: string, channels: number): Shapes => ({
  [`${name}.weight`]: [channels],
  [`${name}.bias`]: [channels],
});

/** A ResNet's block. */
export function blockShapes(
  bottleneck: boolean,
  from: number,
  planes: number,
  stride: number,
  shortcut = true,
  prefix = "",
): Shapes {
  const out = bottleneck ? 4 * planes : planes;
  const convolutions: [number, number, number][] = bottleneck
    ? [
        [planes, from, 1],
        [planes, planes, 3],
        [out, planes, 1],
      ]
    : [
        [planes, from, 3],
        [planes, planes, 3],
      ];
  const shapes: Shapes = {};
  for (const [j, [to, of, k]] of convolutions.entries()) {
    Object.assign(shapes, { [`${prefix}conv${j + 1}.weight`]: [to, of, k, k] }, norm(`${prefix}bn${j + 1}`, to));
  }
  if (shortcut && (stride !== 1 || from !== out)) {
    Object.assign(shapes, { [`${prefix}downsample.0.weight`]: [out, from, 1, 1] }, norm(`${prefix}downsample.1`, out));
  }
  return shapes;
}

const depths = { 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3] };

/** A ResNet for images of 3 channels. */
export function resNetShapes(depth: keyof typeof depths, classes: number, shortcut = true): Shapes {
  const bottleneck = depth >= 50;
  const shapes: Shapes = { "conv1.weight": [64, 3, 7, 7], ...norm("bn1", 64) };
  let from = 64;
  for (const [s, count] of depths[depth].entries()) {
    for (let i = 0; i < count; i++) {
      const planes = 64 * 2 ** s;
      const stride = s > 0 && i === 0 ? 2 : 1;
      Object.assign(shapes, blockShapes(bottleneck, from, planes, stride, shortcut, `layer${s + 1}.${i}.`));
      from = bottleneck ? 4 * planes : planes;
    }
  }
  return Object.assign(shapes, { "fc.weight": [classes, from], "fc.bias": [classes] });
}

/** A row of the blocks of an event network: a stem, and so many groups of blocks, each followed by pooling. */
export interface Row {
  readonly channels: number;
  readonly groups: number;
  /** Blocks before each pooling. */
  readonly blocks?: number;
}

/** A network whose keys are positions; the neurons of PLIF have a `w`. */
export function eventNetShapes(
  rows: readonly Row[],
  {
    from,
    kernel,
    features,
    classes,
    plif,
  }: Record<"from" | "kernel" | "features" | "classes", number> & { plif: boolean },
  ending: "b.2" | "sn" = "b.2",
): { shapes: Shapes; neurons: string[] } {
  const shapes: Shapes = {};
  const neurons: string[] = [];
  const neuron = (name: string) => {
    neurons.push(name);
    if (plif) shapes[`${name}.w`] = [];
  };
  let position = 0;
  let channels = from;
  for (const row of rows) {
    Object.assign(shapes, { [`${position}.0.weight`]: [row.channels, channels, kernel, kernel] });
    Object.assign(shapes, norm(`${position}.1`, row.channels));
    neuron(`${position++}.2`);
    channels = row.channels;
    for (let g = 0; g < row.groups; g++) {
      for (let b = 0; b < (row.blocks ?? 1); b++, position++) {
        for (const unit of ["a", "b"]) {
          Object.assign(shapes, { [`${position}.${unit}.0.weight`]: [channels, channels, 3, 3] });
          Object.assign(shapes, norm(`${position}.${unit}.1`, channels));
          neuron(`${position}.${unit === "a" ? "a.2" : ending}`);
        }
      }
      position++;
    }
  }
  // Flattening has a position too.
  Object.assign(shapes, {
    [`${position + 1}.weight`]: [classes, channels * features],
    [`${position + 1}.bias`]: [classes],
  });
  return { shapes, neurons };
}

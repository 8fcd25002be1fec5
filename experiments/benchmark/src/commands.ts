/** @file The commands of pnpm bench. Without one it times training. */

/** What each command does, by its name, which is that of its file. */
export const commands: Readonly<Record<string, string>> = {
  conv: "time each convolution of the paper's networks against what arithmetic and memory allow",
  data: "count images and events a second, from files to batches",
  explain: "list which kernels run a training step of a network, and why no faster ones do",
  neurons: "time every neuron model, as a program and as composed operations",
  peers: "time SpikingJelly and ours on the same works",
};

/**
 * @file pnpm bench: times training, with `data` as the first word what feeds it, with `neurons` its neurons, with `conv` its
 * convolutions, with `peers` a peer too; with `explain` says which kernels run a network.
 */
const others: Readonly<Record<string, string>> = {
  conv: "./conv.js",
  data: "./data.js",
  explain: "./explain.js",
  neurons: "./neurons.js",
  peers: "./peers.js",
};
await import(others[process.argv[2] ?? ""] ?? "./training.js");

/** @file pnpm bench: times training, with `data` as the first word what feeds it, with `neurons` its neurons, with `peers` beside peers. */
const others: Readonly<Record<string, string>> = { data: "./data.js", neurons: "./neurons.js", peers: "./peers.js" };
await import(others[process.argv[2] ?? ""] ?? "./training.js");

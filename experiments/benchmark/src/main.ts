/** @file pnpm bench: times training, with `data` as the first word what feeds it, with `neurons` its neurons. */
const others: Readonly<Record<string, string>> = { data: "./data.js", neurons: "./neurons.js" };
await import(others[process.argv[2] ?? ""] ?? "./training.js");

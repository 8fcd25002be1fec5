/** @file pnpm bench: times training, or with `data` as the first word what feeds it. */
await import(process.argv[2] === "data" ? "./data.js" : "./training.js");

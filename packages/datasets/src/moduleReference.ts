/** @file What a worker thread imports to make a source or a transform again. */

/** A function of a module and its argument; everything in it can be sent to a thread. */
export interface ModuleReference {
  /** URL of the module, usually its `import.meta.url`. */
  readonly url: string;
  /** Name under which the module exports the function. */
  readonly name: string;
  /** The function's one argument: numbers, text, arrays, plain objects. @defaultValue none */
  readonly options?: unknown;
}

/** The reference to a call `name(options)` of the module at `url`. */
export function referTo(url: string, name: string, [options]: readonly [options?: unknown]): ModuleReference {
  return options === undefined ? { url, name } : { url, name, options };
}

/** A module that worker threads import makes a loader: each of its threads would import the module again, without end. */
export class LoaderInThread extends Error {
  constructor(url = "a module that worker threads import") {
    super(
      `createLoader: ${url} must not make a loader when worker threads import it, got a call; define its sources and ` +
        "transforms in a module of their own, or set workers: 0",
    );
  }
}

/** Imports the module and calls the function. */
export async function openReference<Opened>({ url, name, options }: ModuleReference): Promise<Opened> {
  let open: unknown;
  try {
    open = ((await import(/* @vite-ignore */ url)) as Record<string, unknown>)[name];
  } catch (error) {
    if (error instanceof LoaderInThread) throw new LoaderInThread(url);
    throw new Error(
      `createLoader: worker threads must be able to import ${url}, got: ${(error as Error).message}; ` +
        "compile it to JavaScript, or set workers: 0",
      { cause: error },
    );
  }
  if (typeof open !== "function") {
    throw new TypeError(
      `createLoader: ${url} must export a function ${name}, got ${typeof open}; ` +
        "export it under the name that defineSource or defineTransform gets, or set workers: 0",
    );
  }
  return (options === undefined ? open() : open(options)) as Opened | Promise<Opened>;
}

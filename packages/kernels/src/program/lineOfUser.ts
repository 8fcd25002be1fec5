/** The folder of this package, and that of the packages of @sew when this is its repository. */
const [kernels, packages] = ["../", "../../../"].map((to) => new URL(to, import.meta.url).href.replace("file://", ""));

/** Whether a line of a stack is one of @sew. In the repository, tests are users. */
function isOurs(frame: string): boolean {
  return /[\\/]@sew[\\/]/.test(frame) || (frame.includes(packages!) && /[\\/]dist[\\/]/.test(frame));
}

/**
 * The line of the traced functions that calls into tfjs or @sew, as ` (file:line:column)`: the user's where there is one, else
 * that of a model or a surrogate of @sew; empty where the stack does not tell, as in a bundle.
 *
 * @returns a function that reads the stack, which takes time
 */
export function lineOfUser(): () => string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 64;
  const error = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return () => {
    const frames = (error.stack ?? "").split("\n").filter((line) => /:\d+:\d+\)?$/.test(line));
    // What lies below the trace's own start has called it, and is none of the model.
    const start = frames.findLastIndex((frame) => frame.includes(kernels!));
    const model = frames
      .slice(0, Math.max(0, start))
      .filter((frame) => !frame.includes(kernels!) && !/[\\/]@tensorflow[\\/]/.test(frame));
    const frame = model.find((line) => !isOurs(line)) ?? model[0] ?? "";
    const place = /((?:[a-z]+:\/\/|[A-Z]:|\/)?[^\s()@]+:\d+:\d+)\)?$/.exec(frame);
    return place === null ? "" : ` (${place[1]!.replace("file://", "")})`;
  };
}

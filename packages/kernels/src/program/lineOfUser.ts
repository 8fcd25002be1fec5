/** The folder of the packages of @sew, when this is its repository. */
const packages = new URL("../../../", import.meta.url).href.replace("file://", "");

/** Whether a line of a stack is one of tfjs or of ours. In the repository, tests are users. */
function isOurs(frame: string): boolean {
  return /[\\/]@(tensorflow|sew)[\\/]/.test(frame) || (frame.includes(packages) && /[\\/]dist[\\/]/.test(frame));
}

/**
 * The line that calls into tfjs or @sew, as ` (file:line:column)`; empty where the stack does not tell, as in a bundle.
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
    if (!isOurs(frames[0] ?? "")) return "";
    const frame = frames.find((line) => !isOurs(line)) ?? "";
    const place = /((?:[a-z]+:\/\/|[A-Z]:|\/)?[^\s()@]+:\d+:\d+)\)?$/.exec(frame);
    return place === null ? "" : ` (${place[1]!.replace("file://", "")})`;
  };
}

/** @file Compiling a user's programs as strictly as TypeScript can. */
import ts from "typescript";

const { ModuleKind, ModuleResolutionKind } = ts;

/** The compiler's settings of modules that users have, by the `type` of their package.json. */
export const moduleSettings = {
  module: {
    node16: { module: ModuleKind.Node16 },
    nodenext: { module: ModuleKind.NodeNext },
    bundler: { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
  },
  commonjs: {
    node20: { module: ModuleKind.Node20 },
    nodenext: { module: ModuleKind.NodeNext },
    bundler: { module: ModuleKind.CommonJS, moduleResolution: ModuleResolutionKind.Bundler },
  },
} satisfies Record<string, Record<string, ts.CompilerOptions>>;

/**
 * Declarations with errors that are not ours: those of TensorFlow.js, of the WebGPU types that come with it, and of
 * TypeScript's own library of the DOM, which has these types too by now.
 */
const foreign = ["/node_modules/@tensorflow/", "/node_modules/@webgpu/", "/typescript/lib/"];

/**
 * Compiles a program, and checks every declaration file that it reaches: `skipLibCheck` is off.
 *
 * The JavaScript goes next to the sources.
 *
 * @returns what the compiler objects to outside the foreign declarations, such as `TS1479 main.ts: ...`
 */
export function compile(main: string, options: ts.CompilerOptions): string[] {
  const program = ts.createProgram([main], {
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    ...options,
  });
  const { diagnostics } = program.emit();
  return [...ts.getPreEmitDiagnostics(program), ...diagnostics]
    .filter(({ file }) => !foreign.some((part) => file?.fileName.includes(part)))
    .map(({ code, file, messageText }) => {
      const name = file?.fileName.split("/").at(-1);
      return `TS${code} ${name}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
}

/** @file Packages that a user may install; none of them is installed with this one. */
declare module "@tensorflow/tfjs-node";
declare module "@tensorflow/tfjs-node-gpu";
declare module "@tensorflow/tfjs-backend-webgpu";
declare module "webgpu" {
  /** Dawn's implementation of `navigator.gpu`. */
  export function create(options: string[]): object;
  export const globals: object;
}

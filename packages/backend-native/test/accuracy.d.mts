/** A layer of a network. */
interface Layer {
  readonly name: string;
}
/** A product of a convolution or its gradients. */
interface Product {
  readonly product: "forward" | "input" | "filter";
  readonly summands?: number;
}
export const layers: readonly Layer[];
export const products: Readonly<Record<string, Product>>;
export function has(layer: Layer, product: Product): boolean;
export function measure(layer: Layer, product: Product): Readonly<Record<string, number>>;

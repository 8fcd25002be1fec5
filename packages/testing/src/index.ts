export * from "@sew/blocks/testing";
export * from "@sew/kernels/testing";
export * from "@sew/layers/testing";
export * from "@sew/neurons/testing";
export * from "@sew/surrogates/testing";

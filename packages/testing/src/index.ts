export * from "@sew/backends/testing";
export * from "@sew/blocks/testing";
export * from "@sew/datasets/testing";
export * from "@sew/kernels/testing";
export * from "@sew/layers/testing";
export * from "@sew/neurons/testing";
export * from "@sew/surrogates/testing";

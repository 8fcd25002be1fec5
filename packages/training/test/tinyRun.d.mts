import type { Module } from "@sew/layers";
import type { Batch, BatchSource } from "@sew/training";
import type { TrainOptions } from "@sew/training/node";

export function tinyBatch(seed: number): Batch;
export const tinyData: { readonly train: BatchSource; readonly test: BatchSource };
export const tinyVariants: Readonly<Record<string, Partial<TrainOptions>>>;
export function tinyModel(): Module;
export function tinyOptions(out: string): TrainOptions;

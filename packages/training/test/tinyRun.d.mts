import type { Module } from "@sew/layers";
import type { Batch, Data, TrainOptions } from "@sew/training";

export function tinyBatch(seed: number): Batch;
export const tinyData: Data;
export function tinyModel(): Module;
export function tinyOptions(out: string): TrainOptions;

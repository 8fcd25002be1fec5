export const tablesOf = (_m: unknown): string[] => [];
export const textOf = (t: string): string => t;

export const statementsOf = (_m: unknown): { text: string; holds: boolean }[] => [];

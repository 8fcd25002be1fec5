export const writeResults = async (_f: string, _r: object): Promise<void> => {};

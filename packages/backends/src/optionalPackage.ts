/** @file Packages that the user of a backend installs. */

/** A backend could not be used. The message says what to install, or why what is installed does not work. */
export class BackendUnavailable extends Error {
  override readonly name = "BackendUnavailable";
}

/** A package that the user installs. */
export interface OptionalPackage {
  readonly name: string;
  /** What to run where it is missing. */
  readonly install: string;
  /** What to do where it is installed and fails to load. */
  readonly repair: string;
}

/** `npm install` of packages, and what takes its place in a clone, where npm refuses (ERESOLVE). */
export const npmInstall = (packages: string): string =>
  `npm install ${packages} (in a clone of this repository: node scripts/pnpm.mjs add -w ${packages})`;

/**
 * Imports a package of the user's own installation.
 *
 * @throws BackendUnavailable with the remedy when it is missing or fails to load
 */
export async function importOptional<T>(
  { name, install, repair }: OptionalPackage,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // An installed package that lacks a file of its own fails with the same code, about another name.
    const isMissing = /MODULE_NOT_FOUND$/.test(code ?? "") && message.includes(`'${name}'`);
    const [reason] = message.split("\n");
    throw new BackendUnavailable(
      isMissing
        ? `useBackend: ${name} is not installed; run: ${install}`
        : `useBackend: ${name} is installed but could not be loaded: ${reason!.trim()}; ${repair}`,
      { cause },
    );
  }
}

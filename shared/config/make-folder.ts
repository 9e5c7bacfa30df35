import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** A folder cannot be made or written: another place, or other permissions, are needed. */
export class FolderUnusableError extends Error {
  readonly code = 'FOLDER_UNUSABLE';

  constructor(folder: string, cause: unknown) {
    super(`${folder} cannot be used: ${explain(cause)}; DATA_DIR must be a folder that can be written`, { cause });
    this.name = 'FolderUnusableError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/**
 * Makes the folder and those above it, unless it is there; for its owner alone when `mode` is 0o700.
 *
 * Node's own recursive `mkdir` never returns (24.21) below a folder where nothing can be made and which says so by ENOENT,
 * such as /proc: it goes up to make the parent, finds it, and begins again.
 * @throws FolderUnusableError also when it is there and cannot be written.
 */
export function makeFolder(path: string, mode = 0o777): void {
  const folder = resolve(path);
  try {
    make(folder, mode);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw error instanceof FolderUnusableError ? error : new FolderUnusableError(folder, error);
  }
}

function make(folder: string, mode: number): void {
  if (isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) make(parent, mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    // Another process may have been faster.
    if (!isFolder(folder)) throw new FolderUnusableError(folder, error);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'a file is in its place',
  ENOTDIR: 'a file is in its way',
  ENOENT: 'no folder can be made there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is read-only',
};

function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return REASONS[code] ?? cause.message;
}

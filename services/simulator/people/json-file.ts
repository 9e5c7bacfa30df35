import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../../shared/config/make-folder.ts';

/** A state file cannot be used. The file is left as it is: deleting it is the operator's decision. */
export class StateCorruptedError extends Error {
  readonly code = 'STATE_CORRUPTED';
  readonly path: string;

  constructor(path: string, what: string, options?: ErrorOptions) {
    super(`${path} ${what}; restore it, or delete it to start without it`, options);
    this.name = 'StateCorruptedError';
    this.path = path;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A compiled schema: says whether a value parsed from a file is what it should be. */
export interface Shape<T> {
  Check(value: unknown): value is T;
}

/**
 * Reads and checks one file; `undefined` when there is none.
 * @throws StateCorruptedError when it is not JSON or not of that shape
 */
export async function readJson<T>(path: string, shape: Shape<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the file, which holds private keys.
    throw new StateCorruptedError(path, 'is not JSON');
  }
  if (!shape.Check(value)) throw new StateCorruptedError(path, 'has missing or wrong fields');
  return value;
}

/** Every file of a folder, by name; none when the folder does not exist. */
export async function readJsonFolder<T>(folder: string, shape: Shape<T>): Promise<T[]> {
  makeFolder(folder);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).toSorted();
  const values = await Promise.all(names.map((name) => readJson(join(folder, name), shape)));
  return values.filter((value) => value !== undefined);
}

/**
 * Replaces the file as a whole: when the process dies it holds the old value or the new one. Only the owner may read it.
 * Writes to one path must follow one another.
 */
export async function writeJson(path: string, value: unknown): Promise<void> {
  makeFolder(dirname(path));
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(value, null, 1)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

export async function removeJson(path: string): Promise<void> {
  await rm(path, { force: true });
}

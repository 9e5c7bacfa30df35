import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from '../../../shared/config/make-folder.ts';
import { DatabaseLockedError } from './errors.ts';

const SQLITE_BUSY = 5;

/**
 * Takes a folder for this process alone, creating it when absent, until the lock is disposed or the process ends in
 * whatever way.
 *
 * Node has no `flock`; SQLite takes the operating system's own file lock. The kernel gives it back at kill -9, and it
 * holds between containers that share the folder, where process ids say nothing.
 * @throws DatabaseLockedError when it is taken, FolderUnusableError when it cannot be made or written.
 */
export function lockFolder(folder: string): Disposable {
  makeFolder(folder, 0o700);
  const ownerFile = join(folder, 'owner');
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (isBusy(error)) throw new DatabaseLockedError(folder, readOwner(ownerFile));
    throw error;
  }
  writeFileSync(ownerFile, `process ${process.pid} on ${hostname()}`);
  return {
    [Symbol.dispose](): void {
      if (lock.isOpen) lock.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

/** Who holds the lock, for the message only: the file says nothing about whether it is held. */
function readOwner(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').slice(0, 200) || undefined;
  } catch {
    return undefined;
  }
}

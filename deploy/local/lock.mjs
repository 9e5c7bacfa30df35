// @ts-check
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** @typedef {{ readonly taken: true, release(): void } | { readonly taken: false, holder: number }} LockAttempt */

/**
 * Tries to take a lock file for this process. The file holds the owner's process id; a lock whose owner is gone is taken
 * over. A hard link makes it appear with its content in one step, so nobody reads a half-written one.
 * @param {string} path its folder is created when absent
 * @param {string} program part of the owner's command line: a reused process id of another program counts as gone
 * @returns {LockAttempt}
 */
export function tryLock(path, program) {
  const mine = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(mine, String(process.pid));
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (linkTo(mine, path)) return { taken: true, release: () => release(path) };
      const holder = readHolder(path);
      if (holder !== undefined && holder !== process.pid && isRunning(holder, program)) return { taken: false, holder };
      removeStale(path, holder);
    }
    return { taken: false, holder: readHolder(path) ?? 0 };
  } finally {
    rmSync(mine, { force: true });
  }
}

/** @param {string} existing @param {string} path */
function linkTo(existing, path) {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
function readHolder(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Moves the stale lock away before deleting it: between reading and moving, another process may have put its own lock
 * there, which then goes back to its place.
 * @param {string} path @param {number | undefined} stalePid
 */
function removeStale(path, stalePid) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readHolder(aside) !== stalePid) linkTo(aside, path);
  rmSync(aside, { force: true });
}

/** @param {string} path */
function release(path) {
  if (readHolder(path) === process.pid) rmSync(path, { force: true });
}

/** @param {number} pid @param {string} program */
function isRunning(pid, program) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
  } catch {
    // No /proc on this system: the process id alone decides.
    return true;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

// @ts-check
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** @typedef {{ readonly taken: true, release(): void } | { readonly taken: false, holder: number }} LockAttempt */

/**
 * Tries to take a lock file for this process. The file names its owner by process id and start time; a lock whose owner
 * is gone is taken over. A hard link makes it appear with its content in one step, so nobody reads a half-written one.
 * @param {string} path its folder is created when absent
 * @returns {LockAttempt}
 */
export function tryLock(path) {
  const mine = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(mine, identityOf(process.pid));
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (linkTo(mine, path)) return { taken: true, release: () => release(path) };
      const holder = readHolder(path);
      if (holder !== undefined && isRunning(holder)) return { taken: false, holder: pidOf(holder) };
      removeStale(path, holder);
    }
    return { taken: false, holder: pidOf(readHolder(path) ?? '') };
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
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Moves the stale lock away before deleting it: between reading and moving, another process may have put its own lock
 * there, which then goes back to its place.
 * @param {string} path @param {string | undefined} stale
 */
function removeStale(path, stale) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readHolder(aside) !== stale) linkTo(aside, path);
  rmSync(aside, { force: true });
}

/** @param {string} path */
function release(path) {
  if (readHolder(path) === identityOf(process.pid)) rmSync(path, { force: true });
}

/** @param {string} holder */
function isRunning(holder) {
  const pid = pidOf(holder);
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  return identityOf(pid) === holder;
}

/** The start time tells a process from a later one with the same id; where there is no /proc the id alone counts. @param {number} pid */
function identityOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold blanks; the start time is field 22.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${pid} ${startTime}`;
  } catch {
    return `${pid}`;
  }
}

/** @param {string} holder */
function pidOf(holder) {
  const pid = Number(holder.split(' ')[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0;
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

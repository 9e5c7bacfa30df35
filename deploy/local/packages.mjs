// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from './lock.mjs';
import { INSTALL_NODE, REQUIRED_MAJOR, isNewEnough, versionOf } from './node-version.mjs';
import { npmCi } from './npm-ci.mjs';
import { SetupError, say } from './setup-output.mjs';

/**
 * Brings `node_modules` in line with `package-lock.json` and makes sure that a new enough Node is there. Two set-ups of
 * one clone do not install at the same time: the second waits for the first and then finds nothing to do.
 * @param {string} root the project's folder
 */
export function preparePackages(root) {
  if (whyOutdated(root)) installOnce(root);
  checkNode(root);
}

/** @param {string} root */
function installOnce(root) {
  const lock = waitForLock(join(root, '.data', 'setup.lock'));
  try {
    const reason = whyOutdated(root);
    if (reason) install(root, reason);
  } finally {
    lock.release();
  }
}

/** @param {string} path */
function waitForLock(path) {
  for (let waited = false; ; waited = true) {
    const attempt = tryLock(path);
    if (attempt.taken) return attempt;
    if (!waited) say(`waiting for the set-up that runs already in this folder (process ${attempt.holder})`);
    sleep(250);
  }
}

/** Why the packages must be installed; empty when they are up to date. @param {string} root */
function whyOutdated(root) {
  const lockFile = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  // npm writes this file last: without it the folder is empty or an installation was interrupted.
  if (!existsSync(installed)) return 'node_modules is missing or incomplete';
  if (missingPackages(root)) return 'packages are missing in node_modules';
  if (statSync(lockFile).mtimeMs <= statSync(installed).mtimeMs || readStamp(root) === digest(lockFile)) return '';
  return 'package-lock.json is newer than node_modules';
}

/** An installation without development packages is complete to npm, not to `npm test`. @param {string} root */
function missingPackages(root) {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const manifest = /** @type {Record<'dependencies' | 'devDependencies', Record<string, string>>} */ (JSON.parse(text));
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  return names.some((name) => !existsSync(join(root, 'node_modules', name, 'package.json')));
}

/** @param {string} root @param {string} reason */
function install(root, reason) {
  say(`installing npm packages: ${reason}`);
  const lockFile = join(root, 'package-lock.json');
  const before = digest(lockFile);
  npmCi(root);
  writeFileSync(stampFile(root), before);
}

/** @param {string} root */
function checkNode(root) {
  const bundled = versionOf(join(root, 'node_modules', '.bin', 'node'));
  if (isNewEnough(bundled || process.version)) return;
  throw new SetupError(
    `Node ${REQUIRED_MAJOR} or newer is needed; this is ${process.version}` +
      (bundled
        ? ` and node_modules/.bin/node is ${bundled}.`
        : ', and node_modules/.bin/node is missing or does not run here.') +
      `\n${INSTALL_NODE}, or delete node_modules and run this again.`,
  );
}

/** Tells a touched lockfile (a checkout sets its time) from a changed one. @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.package-lock.sha256');
}

/** @param {string} root */
function readStamp(root) {
  return existsSync(stampFile(root)) ? readFileSync(stampFile(root), 'utf8') : '';
}

/** @param {string} path */
function digest(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** @param {number} ms */
function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

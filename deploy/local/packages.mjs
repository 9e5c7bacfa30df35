// @ts-check
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { tryLock } from './lock.mjs';
import { SetupError, head, say } from './setup-output.mjs';

const REQUIRED_MAJOR = 24;

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
  // Warnings (EBADENGINE: npm itself runs on the machine's older Node) matter only when the installation fails.
  const flags = ['--include=optional', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error, stdout, stderr } = spawnSync('npm', ['ci', ...flags], {
    cwd: root,
    env: { ...process.env, PATH: pathWithoutProject(root) },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error || status !== 0) {
    // npm names the cause first and ends with its help.
    const cause = error ? error.message : head(`${stderr}\n${stdout}`, 15);
    throw new SetupError(`npm ci failed:\n${cause}`);
  }
  writeFileSync(stampFile(root), before);
}

/** npm must not run on the Node that it is about to replace. @param {string} root */
function pathWithoutProject(root) {
  const own = resolve(root, 'node_modules', '.bin');
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => resolve(folder) !== own)
    .join(delimiter);
}

/** @param {string} root */
function checkNode(root) {
  const bundled = versionOf(join(root, 'node_modules', '.bin', 'node'));
  if (major(bundled) >= REQUIRED_MAJOR || (!bundled && major(process.version) >= REQUIRED_MAJOR)) return;
  throw new SetupError(
    `Node ${REQUIRED_MAJOR} or newer is needed; this is ${process.version}` +
      (bundled
        ? ` and node_modules/.bin/node is ${bundled}.`
        : ', and node_modules/.bin/node is missing or does not run here.') +
      `\nInstall Node ${REQUIRED_MAJOR} (https://nodejs.org/en/download), or delete node_modules and run this again.`,
  );
}

/** @param {string} program */
function versionOf(program) {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

/** @param {string} version such as v24.21.0 */
function major(version) {
  return Number(/^v([0-9]+)\./.exec(version)?.[1] ?? 0);
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

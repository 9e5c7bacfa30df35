// @ts-check
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A variable names a program that is not there: never silently replaced by another one. */
export class ProgramVariableError extends Error {
  code = 'PROGRAM_NOT_FOUND';

  /** @param {string} variable @param {string} path */
  constructor(variable, path) {
    super(`${variable} is set to ${path}, which is not a program that can be run`);
    this.name = 'ProgramVariableError';
  }

  shouldRetry() {
    return false;
  }
}

/** Debian keeps nats-server in /usr/sbin, which is not in the PATH of ordinary users; Homebrew's folders may be missing too. */
const MORE_FOLDERS = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];

const MACOS_BROWSERS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * The path of nats-server: `NATS_SERVER_BIN`, PATH, the usual folders; `undefined` when it is not installed.
 * @throws {ProgramVariableError}
 */
export function findNatsServer() {
  return fromVariable('NATS_SERVER_BIN') ?? fromPath(['nats-server']);
}

/**
 * The path of Chromium or Chrome: `CHROMIUM_BIN`, PATH, the usual folders; `undefined` when it is not installed.
 * @throws {ProgramVariableError}
 */
export function findChromium() {
  const found = fromVariable('CHROMIUM_BIN') ?? fromPath(['chromium', 'chromium-browser', 'google-chrome']);
  return found ?? MACOS_BROWSERS.find(isProgram);
}

/**
 * The folder of PostgreSQL's server programs (`initdb`): `PG_BIN`, PATH, the usual folders, `pg_config`; `undefined`
 * when they are not installed (the client alone is not enough).
 * @throws {ProgramVariableError}
 */
export function findPostgresFolder() {
  const named = process.env.PG_BIN;
  if (named) {
    if (!isProgram(join(named, 'initdb'))) throw new ProgramVariableError('PG_BIN', join(named, 'initdb'));
    return named;
  }
  const candidates = [...pathFolders(), ...versionFolders('/usr/lib/postgresql', 'bin')];
  for (const root of ['/opt/homebrew/opt', '/usr/local/opt'])
    candidates.push(...versionFolders(root, 'bin', 'postgresql'));
  const found = candidates.find((folder) => isProgram(join(folder, 'initdb')));
  if (found) return found;
  const configured = fromPgConfig();
  return configured && isProgram(join(configured, 'initdb')) ? configured : undefined;
}

/**
 * The path of Prometheus: `PROMETHEUS_BIN`, PATH, the usual folders; `undefined` when it is not installed.
 * @throws {ProgramVariableError}
 */
export function findPrometheus() {
  return fromVariable('PROMETHEUS_BIN') ?? fromPath(['prometheus']);
}

/**
 * The path of promtool, which comes with Prometheus: `PROMTOOL_BIN`, PATH, the usual folders; `undefined` when it is
 * not installed.
 * @throws {ProgramVariableError}
 */
export function findPromtool() {
  return fromVariable('PROMTOOL_BIN') ?? fromPath(['promtool']);
}

/**
 * The path of Alertmanager, which Debian calls prometheus-alertmanager: `ALERTMANAGER_BIN`, PATH, the usual folders;
 * `undefined` when it is not installed.
 * @throws {ProgramVariableError}
 */
export function findAlertmanager() {
  return fromVariable('ALERTMANAGER_BIN') ?? fromPath(['alertmanager', 'prometheus-alertmanager']);
}

/**
 * The path of amtool, which comes with Alertmanager: `AMTOOL_BIN`, PATH, the usual folders; `undefined` when it is not
 * installed.
 * @throws {ProgramVariableError}
 */
export function findAmtool() {
  return fromVariable('AMTOOL_BIN') ?? fromPath(['amtool']);
}

/** @param {string} variable */
function fromVariable(variable) {
  const path = process.env[variable];
  if (!path) return undefined;
  if (!isProgram(path)) throw new ProgramVariableError(variable, path);
  return path;
}

/**
 * The first of these programs in PATH or in the usual folders.
 * @param {readonly string[]} names
 */
export function fromPath(names) {
  for (const name of names) {
    for (const folder of [...pathFolders(), ...MORE_FOLDERS]) {
      if (isProgram(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

function pathFolders() {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

/** `<root>/<version>/<leaf>`, newest version first. @param {string} root @param {string} leaf @param {string} prefix */
function versionFolders(root, leaf, prefix = '') {
  try {
    return (
      readdirSync(root)
        .filter((name) => name.startsWith(prefix))
        // Node 18 has no toSorted; the array is this function's own.
        // oxlint-disable-next-line unicorn/no-array-sort
        .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
        .map((name) => join(root, name, leaf))
    );
  } catch {
    return [];
  }
}

function fromPgConfig() {
  try {
    return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// @ts-check
import { spawnSync } from 'node:child_process';
import {
  findAlertmanager,
  findAmtool,
  findChromium,
  findNatsServer,
  findPostgresFolder,
  findPrometheus,
  findPromtool,
  fromPath,
} from './programs.mjs';
import { SetupError, say, tail } from './setup-output.mjs';

/**
 * A program that npm cannot install.
 * @typedef {object} Component
 * @property {string} name
 * @property {string} purpose why the project needs it
 * @property {string} variable names an own copy of it
 * @property {readonly string[]} debian packages
 * @property {readonly string[]} brew arguments of `brew install`
 * @property {() => string | undefined} find
 */

/** @type {Component} */
export const NATS_SERVER = {
  name: 'nats-server',
  purpose: 'the event bus',
  variable: 'NATS_SERVER_BIN',
  debian: ['nats-server'],
  brew: ['nats-server'],
  find: findNatsServer,
};

/** @type {Component} */
export const CHROMIUM = {
  name: 'Chromium',
  purpose: 'the browser of the end-to-end tests',
  variable: 'CHROMIUM_BIN',
  debian: ['chromium', 'fonts-dejavu-core'],
  brew: ['google-chrome'],
  find: findChromium,
};

/** @type {Component} */
export const POSTGRES = {
  name: 'PostgreSQL',
  purpose: 'the database of the store tests',
  variable: 'PG_BIN',
  debian: ['postgresql'],
  brew: ['postgresql@17'],
  find: findPostgresFolder,
};

/** @type {Component} */
export const PROMETHEUS = {
  name: 'Prometheus',
  purpose: 'executes the queries of dashboards and alerts',
  variable: 'PROMETHEUS_BIN and PROMTOOL_BIN',
  debian: ['prometheus'],
  brew: ['prometheus'],
  find: () => findPromtool() && findPrometheus(),
};

/** @type {Component} */
export const ALERTMANAGER = {
  name: 'Alertmanager',
  purpose: 'checks who is told of alerts',
  variable: 'ALERTMANAGER_BIN and AMTOOL_BIN',
  debian: ['prometheus-alertmanager'],
  brew: ['alertmanager'],
  find: () => findAmtool() && findAlertmanager(),
};

/**
 * Installs what is missing with the system's package manager when that needs no password.
 * @param {readonly Component[]} components
 * @param {string} purpose the npm script, for the command shown
 * @throws {SetupError} with the commands to run by hand
 */
export function prepareComponents(components, purpose) {
  const missing = components.filter(({ find }) => find() === undefined);
  if (missing.length === 0) return;
  const failure = install(missing);
  const still = missing.filter(({ find }) => find() === undefined);
  if (still.length > 0) throw new SetupError(instructions(still, purpose, failure));
}

/** @param {readonly Component[]} missing @returns {string} why it failed, or nothing */
function install(missing) {
  const what = missing.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');
  const root = rootPrefix();
  if (fromPath(['apt-get']) && root) {
    say(`installing with apt-get: ${what}`);
    return aptInstall(
      root,
      missing.flatMap(({ debian }) => debian),
    );
  }
  const brew = process.platform === 'darwin' ? fromPath(['brew']) : undefined;
  if (!brew) return '';
  say(`installing with Homebrew: ${what}`);
  return run([brew, 'install', ...missing.flatMap((component) => component.brew)]).failure;
}

/** What makes a command run as root without a question; `undefined` when nothing does. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return fromPath(['sudo']) && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n']
    : undefined;
}

/**
 * The tests start servers of their own: what Debian's packages would start and leave running (PostgreSQL's default
 * cluster, nats-server, Prometheus) is switched off while they are configured.
 */
const INSTALL_SCRIPT = `
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
switch=/etc/postgresql-common/createcluster.d/no-main-cluster-$$.conf
policy=/usr/sbin/policy-rc.d
trap 'rm -f "$switch" "$own_policy"' EXIT
own_policy=
if [ ! -e "$policy" ]; then
  own_policy=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
mkdir -p "\${switch%/*}"
echo 'create_main_cluster = false' >"$switch"
apt-get -q -o DPkg::Lock::Timeout=600 update
apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 install "$@"
`;

/** DPkg::Lock::Timeout covers dpkg's own lock; for the locks of the package lists and archives apt-get fails at once. */
const LOCKED = /Could not get lock|Unable to lock|Unable to acquire/;
const LOCK_RETRIES = 200;
const LOCK_RETRY_MS = 3000;

/** @param {readonly string[]} root @param {readonly string[]} packages */
function aptInstall(root, packages) {
  const command = [...root, 'sh', '-c', INSTALL_SCRIPT, 'apt-get', ...packages];
  for (let attempt = 0; ; attempt += 1) {
    const { failure } = run(command);
    if (!LOCKED.test(failure) || attempt === LOCK_RETRIES) return failure;
    if (attempt === 0) say('waiting for another apt-get on this machine');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_RETRY_MS);
  }
}

/** @param {readonly string[]} command */
function run([program = '', ...args]) {
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error) return { failure: error.message };
  return { failure: status === 0 ? '' : tail(`${stdout}\n${stderr}`, 20) };
}

/** @param {readonly Component[]} missing @param {string} purpose @param {string} failure */
function instructions(missing, purpose, failure) {
  const names = missing.map(({ name, purpose: why }) => `${name} (${why})`).join(' and ');
  const casks = missing.flatMap(({ brew }) => brew).join(' ');
  return [
    `${names} ${missing.length > 1 ? 'are' : 'is'} not installed.`,
    ...(failure ? [`Installing failed:\n${failure}`] : []),
    'Install it and run this again:',
    `  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${missing.flatMap(({ debian }) => debian).join(' ')}`,
    `  macOS:           brew install ${casks}`,
    `  Docker:          ${dockerCommand(purpose)}`,
    `or name an own copy in ${missing.map(({ variable }) => variable).join(', ')}.`,
  ].join('\n');
}

/** @param {string} purpose */
function dockerCommand(purpose) {
  if (purpose === 'test') return 'docker run --rm -v "$PWD:/project" -w /project node:24-bookworm npm test';
  const mount = '-v "$PWD/deploy/nats/local.conf:/local.conf"';
  return `docker run -d -p 127.0.0.1:4222:4222 ${mount} nats:2.12 -c /local.conf -js && NATS_URL=nats://127.0.0.1:4222 npm start`;
}

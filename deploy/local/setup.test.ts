import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Stands in for the registry: it installs one package the way npm leaves it, and counts its calls; `exec` brings a Node. */
const NPM = `#!/bin/sh
home=$(dirname "$0")/..
echo "$*" >>"$home/calls"
if [ -e "$home/broken" ]; then echo 'npm error code E404' >&2; exit 1; fi
if [ "$1" = exec ]; then
  for call; do :; done
  eval "$call"
  exit
fi
sleep 0.2
mkdir -p node_modules/.bin node_modules/left-pad
echo '{}' >node_modules/left-pad/package.json
echo '{}' >node_modules/.package-lock.json
ln -sf "$NODE" node_modules/.bin/node
`;

let clone: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'clone-'));
  await cp(import.meta.dirname, join(clone, 'deploy', 'local'), { recursive: true });
  await writeFile(join(clone, 'package.json'), '{ "dependencies": { "left-pad": "1.0.0" } }');
  await writeFile(join(clone, 'package-lock.json'), '{}');
  await mkdir(join(clone, 'bin'));
  await writeProgram('npm', NPM);
});

afterEach(() => rm(clone, { recursive: true, force: true }));

async function writeProgram(name: string, script: string) {
  await writeFile(join(clone, 'bin', name), script);
  await chmod(join(clone, 'bin', name), 0o755);
}

async function setUp(purpose: string, env: Record<string, string> = {}) {
  const path = [join(clone, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  const child = spawn(process.execPath, [join(clone, 'deploy', 'local', 'setup.mjs'), purpose], {
    env: { PATH: path, NODE: process.execPath, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exit) as [number | null];
  return { code, stdout, stderr };
}

async function calls(): Promise<readonly string[]> {
  return (await readFile(join(clone, 'calls'), 'utf8')).trim().split('\n');
}

describe('npm packages', () => {
  test('are installed once, development ones included, and then nothing is said', async () => {
    const { code, stdout, stderr } = await setUp('tools', { NODE_ENV: 'production' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('node_modules is missing');
    expect(await setUp('tools')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await calls()).toEqual([expect.stringMatching(/^ci .*--include=optional --include=dev/)]);
  });

  test('are installed by one of two set-ups that run at once', async () => {
    const both = await Promise.all([setUp('tools'), setUp('tools')]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(await calls()).toHaveLength(1);
  });

  test('are installed again when the lockfile changed, not when it was only touched', async () => {
    await setUp('tools');
    const future = new Date(Date.now() + 60_000);
    await utimes(join(clone, 'package-lock.json'), future, future);
    expect((await setUp('tools')).stderr).toBe('');
    await writeFile(join(clone, 'package-lock.json'), '{ "changed": true }');
    await utimes(join(clone, 'package-lock.json'), future, future);
    expect((await setUp('tools')).stderr).toContain('package-lock.json is newer');
    expect(await calls()).toHaveLength(2);
  });

  test('are installed again when one is missing', async () => {
    await setUp('tools');
    await rm(join(clone, 'node_modules', 'left-pad'), { recursive: true });
    expect((await setUp('tools')).stderr).toContain('packages are missing');
  });

  test('that cannot be installed stop everything with what npm said first', async () => {
    await writeFile(join(clone, 'broken'), '');
    const { code, stderr } = await setUp('tools');
    expect(code).toBe(1);
    expect(stderr).toContain('npm error code E404');
    await rm(join(clone, 'broken'));
    expect((await setUp('tools')).code).toBe(0);
  });
});

describe('on a machine whose Node is too old, npm packages', () => {
  const { platform, arch } = process;
  const locked = (os: string) => ({ version: '24.1.0', os, cpu: arch, bin: { node: 'bin/node' } });

  beforeEach(() => writeProgram('node', '#!/bin/sh\necho v18.20.4\n'));

  async function lock(packages: Record<string, unknown>) {
    await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages }));
  }

  test('are installed by the Node that the lockfile names for its platform', async () => {
    await lock({
      '': { version: '0.1.0' },
      'node_modules/node-elsewhere': locked('elsewhere'),
      'node_modules/node-here': locked(platform),
    });
    const { code, stderr } = await setUp('tools');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^setup: .*\n$/);
    expect(await setUp('tools')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await calls()).toEqual([
      expect.stringMatching(/^exec .*--yes .*--package=node-here@24\.1\.0 --package=npm@11/),
      expect.stringMatching(/^ci .*--include=optional --include=dev/),
    ]);
  });

  test('that cannot be had say which Node to install instead', async () => {
    await lock({ 'node_modules/node-here': locked(platform) });
    await writeFile(join(clone, 'broken'), '');
    const { code, stderr } = await setUp('tools');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'npm error code E404\nThis machine has Node v18.20.4, so npm needs the package node-here@',
    );
    expect(stderr).toContain('Install Node 24');
  });

  test('are not tried on a platform without a Node package', async () => {
    await lock({ 'node_modules/node-elsewhere': locked('elsewhere') });
    const { code, stderr } = await setUp('tools');
    expect(code).toBe(1);
    expect(stderr).toContain('no npm package brings Node to this platform. Install Node 24');
    await expect(calls()).rejects.toThrow('ENOENT');
  });
});

describe('programs', () => {
  test('that a variable names and that are not there are never replaced by others', async () => {
    const { code, stderr } = await setUp('start', { NATS_SERVER_BIN: '/nowhere/nats-server' });
    expect(code).toBe(1);
    expect(stderr).toContain('NATS_SERVER_BIN is set to /nowhere/nats-server');
  });

  test('are not asked for when NATS runs elsewhere', async () => {
    const env = { NATS_URL: 'nats://bus:4222', NATS_SERVER_BIN: '/nowhere/nats-server' };
    expect((await setUp('start', env)).code).toBe(0);
  });

  test('of the tests are checked too', async () => {
    expect((await setUp('test', { PG_BIN: '/nowhere' })).stderr).toContain('PG_BIN is set to');
    expect((await setUp('test', { CHROMIUM_BIN: '/nowhere' })).stderr).toContain('CHROMIUM_BIN is set to');
  });
});

test('an unknown purpose is refused', async () => {
  const { code, stderr } = await setUp('dance');
  expect(code).toBe(1);
  expect(stderr).toContain('usage:');
});

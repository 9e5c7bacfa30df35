import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimDataFolder, GUARD_LOCK } from './data-folder.ts';
import { readOrCreateJwtSecret } from './jwt-secret.ts';
import { tryLock } from './lock.mjs';

let folder: string;
const never = new AbortController().signal;
const said: string[] = [];
const options = { signal: never, say: (line: string) => said.push(line) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-'));
  said.length = 0;
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('a folder in use is refused with the process that uses it', async () => {
  using _claim = await claimDataFolder(folder, options);
  await expect(claimDataFolder(folder, options)).rejects.toThrow(`process ${process.pid}`);
});

test('a folder is free again after its claim ended', async () => {
  (await claimDataFolder(folder, options))[Symbol.dispose]();
  using _claim = await claimDataFolder(folder, options);
  expect(said).toEqual([]);
});

test.each([
  ['a process that ended', async () => `${await endedPid()} 1`],
  ['another process with a reused id', () => Promise.resolve(`${process.ppid} 1`)],
  ['nothing readable', () => Promise.resolve('half')],
])('a lock left by %s is taken over', async (_what, content) => {
  await writeFile(join(folder, 'start.lock'), await content());
  using _claim = await claimDataFolder(folder, options);
  expect(tryLock(join(folder, 'start.lock')).taken).toBe(false);
});

test('a guard that still ends processes is waited for, until told to stop', async () => {
  const guard = tryLock(join(folder, GUARD_LOCK));
  const stop = new AbortController();
  const say = () => stop.abort();
  await expect(claimDataFolder(folder, { signal: stop.signal, say })).rejects.toThrow(/aborted/);
  if (guard.taken) guard.release();
  using _claim = await claimDataFolder(folder, options);
});

test('the secret of tokens is made once and is its owner’s alone', async () => {
  const secrets = await Promise.all([1, 2, 3].map(() => readOrCreateJwtSecret(folder)));
  expect(new Set(secrets).size).toBe(1);
  expect(secrets[0]?.length).toBeGreaterThanOrEqual(32);
  expect((await stat(join(folder, 'jwt-secret'))).mode & 0o777).toBe(0o600);
});

async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

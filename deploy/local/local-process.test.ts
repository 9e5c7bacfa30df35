import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalProcess, ProcessFailedError } from './local-process.ts';
import { LogFile } from './log-file.ts';

const READY = `process.stdout.write('{"level":30,"msg":"ready"}\\n')`;
const STAY = 'setInterval(() => undefined, 1000)';

let folder: string;
let log: LogFile;
let started: LocalProcess;
let ended: PromiseWithResolvers<ProcessFailedError>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'process-'));
  log = new LogFile(join(folder, 'x.log'));
  ended = Promise.withResolvers();
  started = new LocalProcess('x', log, {
    onLine: () => undefined,
    onUnexpectedEnd: ended.resolve,
    onPidChange: () => undefined,
  });
});

afterEach(async () => {
  await started.kill();
  log[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function run(code: string): Promise<void> {
  return started.start({ command: process.execPath, args: ['-e', code], env: process.env });
}

test('a process that ends before it is ready fails with its last words', async () => {
  const failure = run(`process.stderr.write('no such table\\n'); process.exitCode = 3`);
  await expect(failure).rejects.toMatchObject({ message: 'x ended with exit code 3', lastLines: ['no such table'] });
});

test('a program that is not there fails', async () => {
  const failure = started.start({ command: join(folder, 'nothing'), args: [], env: {} });
  await expect(failure).rejects.toThrow(/cannot be run/);
});

test('a crash is told, an ordered end is not', async () => {
  await run(`${READY}; ${STAY}`);
  process.kill(started.pid ?? 0, 'SIGKILL');
  expect((await ended.promise).message).toBe('x was ended by SIGKILL');

  ended = Promise.withResolvers();
  await run(`${READY}; ${STAY}`);
  expect(await started.stop(5000)).toBe(true);
  expect(started.pid).toBeUndefined();
});

test('a process that ignores SIGTERM is killed, and that is said', async () => {
  await run(`process.on('SIGTERM', () => undefined); ${READY}; ${STAY}`);
  expect(await started.stop(50)).toBe(false);
  expect(started.pid).toBeUndefined();
});

test('children of the process end with it', async () => {
  // The child holds the output open: without its end, the end of the process would never be complete.
  const child = `require('node:child_process').spawn(process.execPath, ['-e', '${STAY}'], { stdio: 'inherit' })`;
  await run(`${child}; ${READY}; ${STAY}`);
  expect(await started.stop(10_000)).toBe(true);
  await run(`${child}; ${READY}; ${STAY}`);
  await started.kill();
  expect(started.pid).toBeUndefined();
});

test('stopping while it starts ends the start', async () => {
  const start = run(STAY).catch((error: unknown) => error);
  await started.stop(5000);
  expect(await start).toBeInstanceOf(ProcessFailedError);
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { openDatabase } from './open-database.ts';

const DATABASE_MODULE = new URL('./open-database.ts', import.meta.url).href;
const children: ChildProcess[] = [];
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pglite-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await killNow(child);
  await rm(dataDir, { recursive: true, force: true });
});

/** Another process that opens the database as `db` in our folder and then runs `body`. */
function openElsewhere(body: string): ChildProcess {
  const script = `const { openDatabase } = await import(${JSON.stringify(DATABASE_MODULE)});
    const db = await openDatabase({ dataDir: ${JSON.stringify(dataDir)} });
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function killNow(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function outputOf(child: ChildProcess): { text: string; errors: string } {
  const output = { text: '', errors: '' };
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    output.text += part;
  });
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    output.errors += part;
  });
  return output;
}

describe('the embedded database', () => {
  test('what was written is there after it was closed and opened again', async () => {
    {
      await using db = await openDatabase({ dataDir });
      await db.query('CREATE TABLE t (n integer)');
      await db.query('INSERT INTO t VALUES (1)');
    }
    await using db = await openDatabase({ dataDir });
    expect(await db.query('SELECT n FROM t')).toEqual([{ n: 1 }]);
  });

  test('a second opening in the same process is refused until the first has closed', async () => {
    const first = await openDatabase({ dataDir });
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
    await first.close();
    await first.close();
    await using second = await openDatabase({ dataDir });
    expect(await second.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a second process is refused with the way out and the process that holds it', async () => {
    await using db = await openDatabase({ dataDir });
    const child = openElsewhere('');
    const output = outputOf(child);
    await once(child, 'close');
    expect(child.exitCode).toBe(1);
    expect(output.errors).toContain('DATABASE_LOCKED');
    expect(output.errors).toContain('set DATABASE_URL to a PostgreSQL server');
    expect(output.errors).toContain(`process ${process.pid} on `);
    expect(await db.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('kill -9 of the holder frees the folder, and every acknowledged row is there', async () => {
    const child = openElsewhere(`await db.query('CREATE TABLE t (n integer)');
      for (let n = 1; ; n += 1) {
        await db.query('INSERT INTO t VALUES ($1)', [n]);
        process.stdout.write(n + '\\n');
      }`);
    const output = outputOf(child);
    await waitFor(() => output.text.includes('\n200\n'), { what: '200 rows', timeoutMs: 60_000 });
    await expect(openDatabase({ dataDir })).rejects.toThrow(`process ${child.pid} on `);
    await killNow(child);
    await using db = await openDatabase({ dataDir });
    const acknowledged = output.text.trim().split('\n').length;
    const [row] = await db.query<{ n: number; max: number }>('SELECT count(*)::int AS n, max(n) AS max FROM t');
    expect(row?.n).toBeGreaterThanOrEqual(acknowledged);
    expect(row?.n).toBe(row?.max);
  });

  test('kill -9 while it is created leaves a folder that opens', async () => {
    const child = openElsewhere('');
    const unfinished = join(dataDir, 'pglite', 'cluster.new');
    await waitFor(() => existsSync(join(unfinished, 'PG_VERSION')), { what: 'a half-made cluster', timeoutMs: 60_000 });
    await killNow(child);
    expect(existsSync(unfinished)).toBe(true);
    await using db = await openDatabase({ dataDir });
    expect(await db.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(existsSync(unfinished)).toBe(false);
  });

  test('of two processes that start at once on an empty folder one opens it', async () => {
    const processes = [0, 1].map(() => {
      const child = openElsewhere("process.stdout.write('open'); setInterval(() => {}, 1_000_000);");
      return { child, output: outputOf(child) };
    });
    await waitFor(() => processes.some(({ output }) => output.text === 'open'), { what: 'one', timeoutMs: 60_000 });
    await waitFor(() => processes.some(({ child }) => child.exitCode === 1), { what: 'the other', timeoutMs: 60_000 });
    const refused = processes.filter(({ output }) => output.errors.includes('DATABASE_LOCKED'));
    expect(refused).toHaveLength(1);
    expect(refused[0]?.output.text).toBe('');
  });

  test('files that make no database are a clear error, stay as they are, and the lock is given back', async () => {
    const cluster = join(dataDir, 'pglite', 'cluster');
    await mkdir(cluster, { recursive: true });
    await writeFile(join(cluster, 'PG_VERSION'), '9.6\n');
    const opening = openDatabase({ dataDir });
    await expect(opening).rejects.toMatchObject({ code: 'DATABASE_OPEN_FAILED' });
    await expect(opening).rejects.toThrow(`${join(dataDir, 'pglite')} does not open`);
    expect(await readFile(join(cluster, 'PG_VERSION'), 'utf8')).toBe('9.6\n');
    await rm(cluster, { recursive: true });
    await using db = await openDatabase({ dataDir });
    expect(db.kind).toBe('pglite');
  });
});

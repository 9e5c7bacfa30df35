import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlDatabase } from '../../services/whatsapp/store/database.ts';
import { Keyring } from '../../services/whatsapp/store/encryption.ts';
import { openDatabase } from '../../services/whatsapp/store/open-database.ts';
import { SessionStore } from '../../services/whatsapp/store/session-store.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { startPostgres, type Postgres } from '../harness/postgres.ts';

const salon = parseCompanyId('962302');
const oldKey = randomBytes(32);
const newKey = randomBytes(32);
let postgres: Postgres;
let folder: string;
let databaseUrl: string;
let db: SqlDatabase;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), 'commands-'));
  await writeFile(join(folder, 'old.key'), oldKey.toString('base64'));
  await writeFile(join(folder, 'new.key'), newKey.toString('base64'));
  databaseUrl = await postgres.createDatabase();
  db = await openDatabase({ databaseUrl: new URL(databaseUrl), dataDir: folder });
});
afterAll(async () => {
  await db.close();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

async function run(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const file = join(import.meta.dirname, '../../deploy/operate', `${name}.ts`);
  const child = spawn(process.execPath, [file, ...args], {
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, DATA_DIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exit) as [number | null];
  return { code, stdout, stderr };
}

const OLD = { CREDENTIALS_KEY_FILE: 'old.key' };

function keys(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, file]) => [name, join(folder, file)]));
}

/** Each test begins where the one before has left the database: the life of one installation. */
describe('the operators of one database', () => {
  test('are told what the commands do', async () => {
    for (const name of ['migrate', 'rotate-key']) {
      const { code, stdout } = await run(name, ['--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`npm run ${name}`);
      expect(stdout).toContain('DATABASE_URL');
      expect(await run(name, ['--unknown'])).toMatchObject({ code: 2 });
    }
  });

  test('learn from a dry run what keeps the import from happening', async () => {
    await db.query('CREATE TABLE whatsapp_auth (company_id text, creds jsonb, updated_at timestamptz)');
    await db.query('CREATE TABLE whatsapp_keys (company_id text, key text, value jsonb, updated_at timestamptz)');
    const creds = JSON.stringify({ account: {}, noiseKey: 'n', me: { id: '79990000001:1@s.whatsapp.net' } });
    for (const id of ['962302', 'company_962302', 'salon 7']) {
      await db.query('INSERT INTO whatsapp_auth VALUES ($1, $2)', [id, creds]);
    }
    await db.query("INSERT INTO whatsapp_keys VALUES ('962302', 'pre-key-1', '{}')");
    const { code, stderr } = await run('migrate', ['--dry-run'], keys(OLD));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^LEGACY_ROWS: .*company-id: 1 rows whose company id is none \(salon 7\)/);
  });

  test('see in a dry run what would happen, and nothing happens', async () => {
    await db.query("DELETE FROM whatsapp_auth WHERE company_id = 'salon 7'");
    const { code, stdout } = await run('migrate', ['--dry-run'], keys(OLD));
    expect(code).toBe(0);
    expect(stdout).toMatch(/would have imported 1 companies \(1 registered, 1 unified from two ids\) and 1 keys/);
    expect(stdout).toMatch(/nothing was changed\n$/);
    expect(await db.query('SELECT FROM whatsapp_auth')).toHaveLength(2);
  });

  test('import, and a second time there is nothing to do', async () => {
    expect(await run('migrate', [], keys(OLD))).toMatchObject({ code: 0, stderr: '' });
    expect(await run('migrate', [], keys(OLD))).toEqual({
      code: 0,
      stdout: 'the database is up to date\n',
      stderr: '',
    });
    expect(await new SessionStore(db, new Keyring({ current: oldKey })).readCreds(salon)).toContain('noiseKey');
  });

  test('are told when the previous key is not given', async () => {
    const { code, stdout, stderr } = await run('rotate-key', [], keys({ CREDENTIALS_KEY_FILE: 'new.key' }));
    expect(code).toBe(1);
    expect(stdout).toContain('unreadable: 1 in whatsapp_auth of company_962302: unknown-key');
    expect(stderr).toMatch(/^ROWS_UNREADABLE: 2 values/);
  });

  test('rotate the key, after which the new one alone opens everything', async () => {
    const both = keys({ CREDENTIALS_KEY_FILE: 'new.key', CREDENTIALS_KEY_PREVIOUS_FILE: 'old.key' });
    const done = await run('rotate-key', ['--batch-rows', '1'], both);
    expect(done).toEqual({ code: 0, stdout: 'rewrote 2 values with the current key\n', stderr: '' });
    const store = new SessionStore(db, new Keyring({ current: newKey }));
    expect(await store.readCreds(salon)).toContain('noiseKey');
    expect((await store.readKeys(salon, 'pre-key', ['1'])).size).toBe(1);
    expect(await run('rotate-key', ['--batch-rows', '0'], both)).toMatchObject({ code: 2 });
  });

  test('get one line without a stack when the database or a key is not there', async () => {
    const away = await run('migrate', [], { ...keys(OLD), DATABASE_URL: 'postgres://postgres@127.0.0.1:9/x' });
    expect(away.code).toBe(1);
    expect(away.stderr).toMatch(/^DATABASE_UNAVAILABLE: [^\n]*\n$/);
    const keyless = await run('rotate-key', [], keys({ CREDENTIALS_KEY_FILE: 'absent.key' }));
    expect(keyless.code).toBe(1);
    expect(keyless.stderr).toMatch(/^CONFIG_INVALID: .*absent\.key/s);
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { SQL_ENGINES, type SqlEngine } from '../../../test/harness/sql-engines.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import { migrate } from './migrate.ts';
import { SessionStore } from './session-store.ts';

const salon = parseCompanyId('962302');
const keyring = new Keyring({ current: randomBytes(32) });

const AUTH = 'company_id text, creds jsonb, updated_at timestamptz';
const KEYS = 'company_id text, type text, id text, value jsonb, updated_at timestamptz';

/** Credentials of an account as the earlier product stored them; without `phone` the pairing was only begun. */
function creds(phone?: string, mark = ''): string {
  const me = { id: `${phone ?? '79990000009'}:1@s.whatsapp.net` };
  return JSON.stringify({ noiseKey: { private: `noise ${mark}` }, me, ...(phone && { account: { details: 'x' } }) });
}

describe.each(SQL_ENGINES)('the import of legacy tables on $name', ({ start }) => {
  let engine: SqlEngine;
  let db: SqlDatabase;
  let store: SessionStore;

  beforeAll(async () => {
    engine = await start();
    db = engine.db;
    store = new SessionStore(db, keyring);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(() => engine.empty());

  async function legacy(authColumns = AUTH, keyColumns = KEYS): Promise<void> {
    await db.query(`CREATE TABLE whatsapp_auth (${authColumns})`);
    await db.query(`CREATE TABLE whatsapp_keys (${keyColumns})`);
  }

  async function auth(id: string | null, json: string | null, updated = '2026-01-01'): Promise<void> {
    await db.query('INSERT INTO whatsapp_auth VALUES ($1, $2, $3)', [id, json, updated]);
  }

  async function key(id: string, name: [type: string, id: string], json: string, updated = '2026-01-01') {
    await db.query('INSERT INTO whatsapp_keys VALUES ($1, $2, $3, $4, $5)', [id, ...name, json, updated]);
  }

  async function readKey(type: string, id: string): Promise<string | undefined> {
    return (await store.readKeys(salon, type, [id])).get(id);
  }

  /** Every table with its rows as text: nothing may change between two of them. */
  async function everything(): Promise<unknown> {
    const tables = await db.query<{ name: string }>(
      "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    );
    const contents = tables.map(async ({ name }) => [
      name,
      await db.query(`SELECT t::text AS row FROM ${name} AS t ORDER BY 1`),
    ]);
    return Promise.all(contents);
  }

  async function refuses(findings: readonly { problem: string; rows: number; examples?: string[] }[]): Promise<void> {
    const before = await everything();
    const expected = { code: 'LEGACY_ROWS', findings: findings.map((f) => expect.objectContaining(f) as unknown) };
    await expect(migrate(db, { keyring })).rejects.toMatchObject(expected);
    expect(await everything()).toEqual(before);
  }

  test('both ids become one: registered credentials win, keys merge, everything is encrypted', async () => {
    await legacy();
    await auth('962302', creds('79990000001', 'secret'), '2026-01-01');
    await auth('company_962302', creds(undefined, 'half-made'), '2026-02-01');
    await auth('962303', creds('79990000003'));
    await key('962302', ['pre-key', '1'], '{"of":"bare secret"}');
    await key('company_962302', ['pre-key', '1'], '{"of":"canonical"}', '2026-03-01');
    await key('company_962302', ['session', '79990000002.0'], '"only here"');
    await key('962303', ['pre-key', '1'], '{"of":"another company"}');

    expect(await migrate(db, { keyring })).toEqual({
      applied: expect.arrayContaining(['0001-sessions']) as unknown,
      imported: {
        companies: 2,
        registered: 2,
        unified: 1,
        keys: 3,
        keysWithoutCredentials: 0,
        backups: ['whatsapp_auth_legacy_backup', 'whatsapp_keys_legacy_backup'],
      },
    });
    expect(JSON.parse((await store.readCreds(salon)) ?? '')).toEqual(JSON.parse(creds('79990000001', 'secret')));
    expect(await readKey('pre-key', '1')).toBe('{"of": "bare secret"}');
    expect(await readKey('session', '79990000002.0')).toBe('"only here"');
    expect(await store.readCreds(parseCompanyId('962303'))).toBeDefined();
    expect(await store.listRestorable()).toMatchObject([
      { companyId: salon, epoch: 1 },
      { companyId: 'company_962303' },
    ]);
    const stored = await db.query<{ text: string }>(
      `SELECT encode(creds, 'escape') AS text FROM whatsapp_auth
       UNION ALL SELECT encode(value, 'escape') FROM whatsapp_keys`,
    );
    expect(stored).toHaveLength(5);
    for (const { text } of stored) expect(text).not.toContain('secret');
  });

  test('the backup holds every row as it was, and a second run changes nothing', async () => {
    await legacy();
    await auth('962302', creds('79990000001'));
    await key('962302', ['pre-key', '1'], '{"n":1}');
    const before = await db.query('SELECT * FROM whatsapp_auth');
    await migrate(db, { keyring });
    expect(await db.query('SELECT * FROM whatsapp_auth_legacy_backup')).toEqual(before);
    const after = await everything();
    expect(await migrate(db, { keyring })).toEqual({ applied: [] });
    expect(await everything()).toEqual(after);
  });

  test.each([
    ['numeric ids, text columns', 'company_id bigint, creds text', 'company_id bigint, type text, id text, value text'],
    ['json columns', 'company_id varchar(40), creds json, updated_at timestamp', KEYS.replaceAll('jsonb', 'json')],
    [
      'a primary key',
      'company_id text PRIMARY KEY, creds jsonb, updated_at bigint',
      `${KEYS}, PRIMARY KEY (company_id, type, id)`,
    ],
    ['key_type and key_id', AUTH, KEYS.replace('type text, id text', 'key_type text, key_id text')],
  ])('tables with %s are known', async (_, authColumns, keyColumns) => {
    await legacy(authColumns, keyColumns);
    await db.query('INSERT INTO whatsapp_auth (company_id, creds) VALUES (962302, $1)', [creds('79990000001')]);
    const [type, id] = keyColumns.includes('key_type') ? ['key_type', 'key_id'] : ['type', 'id'];
    await db.query(
      `INSERT INTO whatsapp_keys (company_id, ${type}, ${id}, value) VALUES (962302, 'pre-key', '1', '{"n":1}')`,
    );
    expect((await migrate(db, { keyring })).imported).toMatchObject({ companies: 1, keys: 1 });
    expect(JSON.parse((await readKey('pre-key', '1')) ?? '')).toEqual({ n: 1 });
  });

  test('one column that names type and id is taken apart', async () => {
    await legacy(AUTH, 'company_id text, key text, value jsonb, updated_at timestamptz');
    await auth('962302', creds('79990000001'));
    for (const name of ['pre-key-1', 'sender-key-memory-1@g.us']) {
      await db.query('INSERT INTO whatsapp_keys VALUES ($1, $2, $3)', ['962302', name, '{"n":1}']);
    }
    expect((await migrate(db, { keyring })).imported).toMatchObject({ keys: 2 });
    expect(await readKey('pre-key', '1')).toBe('{"n": 1}');
    expect(await readKey('sender-key-memory', '1@g.us')).toBe('{"n": 1}');
  });

  test('keys that nothing can use stay in the backup, and deleted ones are not brought back', async () => {
    await legacy();
    await auth('962302', creds('79990000001'));
    await key('962302', ['pre-key', '1'], 'null');
    await key('962399', ['pre-key', '1'], '{"n":1}');
    expect((await migrate(db, { keyring })).imported).toMatchObject({ keys: 0, keysWithoutCredentials: 1 });
    expect(await db.query('SELECT FROM whatsapp_keys')).toEqual([]);
    expect(await db.query('SELECT FROM whatsapp_keys_legacy_backup')).toHaveLength(2);
  });

  test('more rows than are fetched at once are all there', async () => {
    await legacy();
    await db.query(`INSERT INTO whatsapp_auth SELECT (1000 + n)::text, $1::jsonb FROM generate_series(1, 1200) AS n`, [
      creds('79990000001'),
    ]);
    await db.query(
      `INSERT INTO whatsapp_keys SELECT '1001', 'pre-key', n::text, '{"n":1}' FROM generate_series(1, 2500) AS n`,
    );
    expect((await migrate(db, { keyring })).imported).toMatchObject({ companies: 1200, keys: 2500 });
    expect(await store.listRestorable()).toHaveLength(1200);
  });

  test('ids, credentials and keys that cannot be read are all counted, and nothing happens', async () => {
    await legacy(AUTH.replace('jsonb', 'text'), KEYS.replace('jsonb', 'text'));
    await auth('962302', creds('79990000001'));
    await auth('company_0', creds('79990000002'));
    await auth(null, creds('79990000003'));
    await auth('962304', '{broken');
    await auth('962305', '[]');
    await key('962302', ['pre-key', '1'], '{broken');
    await key('962302', ['', '1'], '{"n":1}');
    await refuses([
      { problem: 'company-id', rows: 2, examples: ['company_0', 'NULL'] },
      { problem: 'creds-json', rows: 2, examples: ['962304', '962305'] },
      { problem: 'value-json', rows: 1 },
      { problem: 'key-name', rows: 1 },
    ]);
  });

  test('a company linked to two accounts is refused by name', async () => {
    await legacy();
    await auth('962302', creds('79990000001'));
    await auth('company_962302', creds('79990000002'), '2026-02-01');
    await refuses([{ problem: 'two-accounts', rows: 1, examples: ['company_962302'] }]);
  });

  test('duplicates that nothing decides between are refused', async () => {
    await legacy();
    await auth('962302', creds('79990000001', 'a'));
    await auth('962302', creds('79990000001', 'b'));
    await auth('962303', creds('79990000003'));
    await key('962303', ['pre-key', '1'], '{"n":1}');
    await key('962303', ['pre-key', '1'], '{"n":2}');
    await refuses([
      { problem: 'duplicate-creds', rows: 1, examples: [salon] },
      { problem: 'duplicate-key', rows: 1, examples: ['company_962303'] },
    ]);
  });

  test.each([
    ['an unexpected column', `${AUTH}, note text`, KEYS],
    ['a column of another type', AUTH.replace('jsonb', 'bytea'), KEYS],
    ['a column missing', AUTH, 'company_id text, value jsonb'],
    ['keys named by half', AUTH, KEYS.replace('type text, ', '')],
  ])('%s is refused with everything that was found', async (_, authColumns, keyColumns) => {
    await legacy(authColumns, keyColumns);
    const before = await everything();
    const found = [{ table: 'whatsapp_auth' }, { table: 'whatsapp_keys' }];
    await expect(migrate(db, { keyring })).rejects.toMatchObject({ code: 'LEGACY_TABLES', found });
    expect(await everything()).toEqual(before);
  });

  test('a view of that name is refused', async () => {
    await db.query(`CREATE TABLE elsewhere (${AUTH})`);
    await db.query('CREATE VIEW whatsapp_auth AS SELECT * FROM elsewhere');
    await db.query(`CREATE TABLE whatsapp_keys (${KEYS})`);
    await expect(migrate(db, { keyring })).rejects.toMatchObject({ code: 'LEGACY_TABLES' });
  });

  test('the backup of an earlier import is not overwritten', async () => {
    await legacy();
    await db.query('CREATE TABLE whatsapp_auth_legacy_backup (company_id text)');
    const before = await everything();
    await expect(migrate(db, { keyring })).rejects.toThrow(/the backup of an earlier import is still there/);
    expect(await everything()).toEqual(before);
  });

  test('a dry run says what would happen, including refusals, and changes nothing', async () => {
    await legacy();
    await auth('962302', creds('79990000001'));
    const before = await everything();
    const report = await migrate(db, { keyring, dryRun: true });
    expect(report).toMatchObject({ imported: { companies: 1, registered: 1 } });
    expect(await everything()).toEqual(before);
    expect(await migrate(db, { keyring })).toEqual(report);

    await engine.empty();
    await legacy();
    await auth('nobody', creds('79990000001'));
    await expect(migrate(db, { keyring, dryRun: true })).rejects.toMatchObject({ code: 'LEGACY_ROWS' });
  });
});

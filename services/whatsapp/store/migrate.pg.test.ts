import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type Postgres } from '../../../test/harness/postgres.ts';
import { SQL_ENGINES, type SqlEngine } from '../../../test/harness/sql-engines.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import { migrate } from './migrate.ts';
import type { Migration } from './migration.ts';
import { openDatabase } from './open-database.ts';

const keyring = new Keyring({ current: randomBytes(32) });
const OURS = ['whatsapp_auth', 'whatsapp_keys', 'whatsapp_migrations', 'whatsapp_replicas', 'whatsapp_sessions'];

const good: Migration = {
  name: 'good',
  async up(tx) {
    await tx.query('CREATE TABLE one (n integer)');
    await tx.query('INSERT INTO one VALUES (1)');
  },
};
const bad: Migration = {
  name: 'bad',
  async up(tx) {
    await tx.query('CREATE TABLE two (n integer)');
    await tx.query('INSERT INTO absent VALUES (1)');
  },
};

async function tables(db: SqlDatabase): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

describe.each(SQL_ENGINES)('migrate on $name', ({ start }) => {
  let engine: SqlEngine;
  let db: SqlDatabase;

  beforeAll(async () => {
    engine = await start();
    db = engine.db;
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(() => engine.empty());

  test('an empty database gets the tables, once', async () => {
    await migrate(db, { keyring });
    await migrate(db, { keyring });
    expect(await tables(db)).toEqual(OURS);
    expect(await db.query('SELECT number, name FROM whatsapp_migrations')).toEqual([
      { number: 1, name: 'sessions' },
      { number: 2, name: 'leases' },
    ]);
  });

  test('calls at once take turns', async () => {
    await Promise.all([migrate(db, { keyring }), migrate(db, { keyring }), migrate(db, { keyring })]);
    expect(await tables(db)).toEqual(OURS);
  });

  test('a failed migration takes everything of its run back and names itself', async () => {
    await expect(migrate(db, { keyring, migrations: [good, bad] })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      migration: '0002-bad',
      cause: expect.objectContaining({ code: '42P01' }) as unknown,
    });
    expect(await tables(db)).toEqual([]);
  });

  test('a failed migration leaves what earlier runs did', async () => {
    await migrate(db, { keyring, migrations: [good] });
    await expect(migrate(db, { keyring, migrations: [good, bad] })).rejects.toThrow(
      /0002-bad failed and was rolled back/,
    );
    expect(await tables(db)).toEqual(['one', 'whatsapp_migrations']);
    expect(await db.query('SELECT n FROM one')).toEqual([{ n: 1 }]);
  });

  test('the database takes statements after a failed migration', async () => {
    await expect(migrate(db, { keyring, migrations: [bad] })).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    await migrate(db, { keyring });
    expect(await tables(db)).toEqual(OURS);
  });

  test('a database that a newer release migrated is refused', async () => {
    await migrate(db, { keyring });
    await db.query("INSERT INTO whatsapp_migrations (number, name) VALUES (99, 'of the future')");
    await expect(migrate(db, { keyring })).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW', unknown: [99] });
  });

  test.each([
    ['whatsapp_auth', 'company_id text, creds jsonb', ['company_id text', 'creds jsonb']],
    ['whatsapp_keys', 'company_id text, key text, value jsonb', ['company_id text', 'key text', 'value jsonb']],
  ])('a legacy table %s alone is refused with its columns and left alone', async (table, sql, columns) => {
    await db.query(`CREATE TABLE ${table} (${sql})`);
    await db.query(`INSERT INTO ${table} (company_id) VALUES ('962302')`);
    const found = [{ table, columns }];
    await expect(migrate(db, { keyring })).rejects.toMatchObject({ code: 'LEGACY_TABLES', found });
    expect(await tables(db)).toEqual([table]);
    expect(await db.query(`SELECT company_id FROM ${table}`)).toEqual([{ company_id: '962302' }]);
  });
});

describe('migrate from two processes', () => {
  let postgres: Postgres;

  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  test('both succeed on an empty PostgreSQL', async () => {
    const databaseUrl = new URL(await postgres.createDatabase());
    await using one = await openDatabase({ databaseUrl, dataDir: '/nonexistent' });
    await using two = await openDatabase({ databaseUrl, dataDir: '/nonexistent' });
    await Promise.all([
      migrate(one, { keyring }),
      migrate(two, { keyring }),
      migrate(one, { keyring }),
      migrate(two, { keyring }),
    ]);
    expect(await tables(one)).toEqual(OURS);
    expect(await two.query('SELECT number FROM whatsapp_migrations')).toEqual([{ number: 1 }, { number: 2 }]);
  });

  test('the second sees what the first did and does not do it again', async () => {
    const databaseUrl = new URL(await postgres.createDatabase());
    await using one = await openDatabase({ databaseUrl, dataDir: '/nonexistent' });
    await using two = await openDatabase({ databaseUrl, dataDir: '/nonexistent' });
    const halfway = Promise.withResolvers<void>();
    const slow: Migration = {
      name: 'slow',
      async up(tx, context) {
        await good.up(tx, context);
        halfway.resolve();
        await expect
          .poll(() => one.query("SELECT FROM pg_stat_activity WHERE wait_event = 'advisory'"))
          .toHaveLength(1);
      },
    };
    const first = migrate(one, { keyring, migrations: [slow] });
    await halfway.promise;
    await Promise.all([first, migrate(two, { keyring, migrations: [slow] })]);
    expect(await two.query('SELECT n FROM one')).toEqual([{ n: 1 }]);
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { startPostgres, type Postgres } from '../../../test/harness/postgres.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import type { DatabaseUnavailableError } from './errors.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open-database.ts';
import { SessionStore } from './session-store.ts';

const salon = parseCompanyId('962302');
const keyring = new Keyring({ current: randomBytes(32) });
let postgres: Postgres;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe('a PostgreSQL that is not there', () => {
  test.each(['127.0.0.1', 'localhost'])('is a retryable error without the password, on %s', async (hostname) => {
    const stopped = await startPostgres();
    const url = new URL(stopped.url);
    url.hostname = hostname;
    url.password = 'hidden-word';
    await stopped.stop();
    const error: unknown = await openDatabase({ databaseUrl: url, dataDir: '' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringContaining(`:${url.port}`) as string,
    });
    expect((error as DatabaseUnavailableError).shouldRetry()).toBe(true);
    expect(String(error)).not.toContain('hidden-word');
  });

  test('a database that does not exist is named, and waiting does not help', async () => {
    const url = new URL(postgres.url);
    url.pathname = '/nowhere';
    const opening = openDatabase({ databaseUrl: url, dataDir: '' });
    await expect(opening).rejects.toMatchObject({ code: '3D000', message: 'database "nowhere" does not exist' });
  });

  test('a killed server loses no acknowledged write, and the pool finds it again', async () => {
    await using own = await startPostgres();
    const lost: string[] = [];
    const onConnectionLost = (error: Error): void => void lost.push(error.message);
    await using db = await openDatabase({ databaseUrl: new URL(own.url), dataDir: '', onConnectionLost });
    await migrate(db, { keyring });
    const store = new SessionStore(db, keyring);
    const { epoch } = await store.acquire(salon, 0);
    await store.saveCreds(salon, epoch, 'creds');
    await own.kill();
    await waitFor(() => lost.length > 0, { what: 'the loss of the idle connection' });
    const failed = store.saveCreds(salon, epoch, 'never stored');
    await expect(failed).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await expect(migrate(db, { keyring })).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await own.restart();
    expect(await store.readCreds(salon)).toBe('creds');
    await store.saveCreds(salon, epoch, 'stored');
    expect(await store.readCreds(salon)).toBe('stored');
  });
});

describe('a connection that is lost inside a transaction', () => {
  test('rejects as unavailable, ends nothing but the transaction, and rolls it back', async () => {
    await using db = await openDatabase({ databaseUrl: new URL(await postgres.createDatabase()), dataDir: '' });
    await migrate(db, { keyring });
    const statements = ['SELECT 1', 'COMMIT'];
    for (const next of statements) {
      const losing = db.transaction(async (tx) => {
        await tx.query('INSERT INTO whatsapp_sessions (company_id, epoch) VALUES ($1, 1)', [salon]);
        const [own] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const pid = own?.pid ?? 0;
        await db.query('SELECT pg_terminate_backend($1)', [pid]);
        await expect.poll(() => db.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([]);
        if (next !== 'COMMIT') await tx.query(next);
      });
      await expect(losing).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    }
    expect(await db.query('SELECT FROM whatsapp_sessions')).toEqual([]);
  });
});

describe('several connections to one PostgreSQL', () => {
  let db: SqlDatabase;
  let store: SessionStore;

  beforeEach(async () => {
    db = await openDatabase({ databaseUrl: new URL(await postgres.createDatabase()), dataDir: '' });
    await migrate(db, { keyring });
    store = new SessionStore(db, keyring);
    return () => db.close();
  });

  function waitingForLock(): Promise<readonly object[]> {
    return db.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
  }

  test('a write that meets an acquisition under way waits for it and is then fenced', async () => {
    const { epoch } = await store.acquire(salon, 0);
    const writes: Promise<void>[] = [];
    await db.transaction(async (tx) => {
      await tx.query('UPDATE whatsapp_sessions SET epoch = epoch + 1');
      const replicas = [0, 1, 2].map(() => new SessionStore(db, keyring));
      writes.push(
        ...[
          replicas[0]?.saveCreds(salon, epoch, 'stale'),
          replicas[1]?.saveKeys(salon, epoch, [{ type: 'session', id: 'a', value: 'stale' }]),
          replicas[2]?.saveState(salon, epoch, { state: 'failed', confirmed: true }),
        ].filter((write) => write !== undefined),
      );
      for (const write of writes) write.catch(() => undefined);
      await expect.poll(waitingForLock).toHaveLength(3);
    });
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes).toMatchObject(Array.from({ length: 3 }, () => ({ reason: { code: 'FENCED' } })));
    expect(await store.readCreds(salon)).toBeUndefined();
    expect(await store.readKeys(salon, 'session', ['a'])).toEqual(new Map());
  });

  test('an acquisition waits for a write under way', async () => {
    const { epoch } = await store.acquire(salon, 0);
    let acquired: Promise<unknown> | undefined;
    await db.transaction(async (tx) => {
      const inTransaction: SqlDatabase = { ...unused, query: (sql, params) => tx.query(sql, params) };
      await new SessionStore(inTransaction, keyring).saveCreds(salon, epoch, 'last words');
      acquired = store.acquire(salon, 0).then(() => store.readCreds(salon));
      await expect.poll(waitingForLock).toHaveLength(1);
    });
    expect(await acquired).toBe('last words');
  });

  test('batches that share keys in opposite order do not deadlock', async () => {
    const { epoch } = await store.acquire(salon, 0);
    const forwards = Array.from({ length: 200 }, (_, n) => ({ type: 'session', id: String(n), value: 'x' }));
    const replicas = Array.from({ length: 6 }, () => new SessionStore(db, keyring));
    const rounds = Array.from({ length: 10 }, () =>
      replicas.map((replica, n) => replica.saveKeys(salon, epoch, n % 2 === 0 ? forwards : forwards.toReversed())),
    );
    await Promise.all(rounds.flat());
    expect(
      (
        await store.readKeys(
          salon,
          'session',
          forwards.map(({ id }) => id),
        )
      ).size,
    ).toBe(200);
  });

  test('a transaction whose work fails leaves nothing, and its connection serves the next', async () => {
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const failing = db.transaction(async (tx) => {
        await tx.query('INSERT INTO whatsapp_sessions (company_id, epoch) VALUES ($1, 1)', [salon]);
        throw new Error('changed my mind');
      });
      await expect(failing).rejects.toThrow('changed my mind');
    }
    expect(await db.query('SELECT FROM whatsapp_sessions')).toEqual([]);
  });
});

const unused: Omit<SqlDatabase, 'query'> = {
  kind: 'postgres',
  transaction: () => Promise.reject(new Error('not used here')),
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

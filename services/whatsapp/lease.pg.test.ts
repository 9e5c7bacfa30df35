import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { startPostgres, type Postgres } from '../../test/harness/postgres.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { Lease, type LeaseOptions } from './lease.ts';
import type { SqlDatabase } from './store/database.ts';
import { Keyring } from './store/encryption.ts';
import { LeaseStore } from './store/lease-store.ts';
import { migrate } from './store/migrate.ts';
import { openDatabase } from './store/open-database.ts';
import { SessionStore } from './store/session-store.ts';

const salon = parseCompanyId('962302');
const keyring = new Keyring({ current: randomBytes(32) });
let postgres: Postgres;
let url: string;
let db: SqlDatabase;
let store: LeaseStore;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  url = await postgres.createDatabase();
  db = stack.use(await openDatabase({ databaseUrl: new URL(url), dataDir: '/nonexistent' }));
  await migrate(db, { keyring });
  store = new LeaseStore(db);
});
afterEach(() => stack.disposeAsync());

interface Watched {
  readonly lease: Lease;
  readonly changes: string[];
  readonly errors: unknown[];
}

async function begin(options: Partial<LeaseOptions>): Promise<Watched> {
  const changes: string[] = [];
  const errors: unknown[] = [];
  const lease = new Lease({
    store,
    replicaName: 'a',
    maxSessions: 10,
    onHeld: (change) => changes.push(change),
    onLost: async () => void changes.push('lost'),
    onError: (error) => errors.push(error),
    ...options,
  });
  await lease.start();
  stack.defer(() => lease.leave());
  return { lease, changes, errors };
}

async function remainingMs(): Promise<number> {
  const [live] = await store.listLive();
  return live?.endsInMs ?? 0;
}

describe('a lease', () => {
  test('is renewed long before it ends, under one id', async () => {
    const { lease, changes } = await begin({ ttlMs: 600_000, renewMs: 10 });
    const { id } = lease;
    await waitFor(() => changes.length > 5, { what: 'renewals' });
    expect(changes.slice(0, 3)).toEqual(['joined', 'renewed', 'renewed']);
    expect(lease.id).toBe(id);
    expect(id).toMatch(/^a\//);
    expect(await remainingMs()).toBeGreaterThan(500_000);
  });

  test('that the database does not renew in time is lost here while it still lasts there', async () => {
    let left = 0;
    const { lease, changes } = await begin({
      ttlMs: 3_000,
      renewMs: 100,
      onLost: async () => {
        left = await remainingMs();
        changes.push('lost');
      },
    });
    const blocker = new Client({ connectionString: url });
    await blocker.connect();
    stack.defer(() => blocker.end());
    await blocker.query('BEGIN');
    // Whoever reads is not held up.
    await blocker.query('LOCK TABLE whatsapp_replicas IN EXCLUSIVE MODE');
    const before = lease.id;
    await waitFor(() => changes.includes('lost'), { what: 'the loss', timeoutMs: 30_000 });
    expect(left).toBeGreaterThan(0);
    expect(() => lease.id).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }));
    await blocker.query('ROLLBACK');
    await waitFor(() => lease.valid, { what: 'a new lease', timeoutMs: 30_000 });
    expect(lease.id).not.toBe(before);
    expect(changes.slice(changes.indexOf('lost'), changes.indexOf('lost') + 2)).toEqual(['lost', 'joined']);
  });

  test('that somebody removed is lost at the next renewal, and a new one follows', async () => {
    const { lease, changes } = await begin({ ttlMs: 60_000, renewMs: 20 });
    const before = lease.id;
    await db.query('DELETE FROM whatsapp_replicas');
    await waitFor(() => lease.valid && lease.id !== before, { what: 'a new lease' });
    expect(changes.filter((change) => change !== 'renewed')).toEqual(['joined', 'lost', 'joined']);
  });

  test('is over for a process that was paused, before any of its timers has run', async () => {
    let now = 0;
    const { lease } = await begin({ ttlMs: 30_000, renewMs: 600_000, now: () => now });
    now = 23_999;
    expect(lease.valid).toBe(true);
    now = 24_000;
    expect(lease.valid).toBe(false);
  });

  test('counts from before the renewal was sent: an answer that takes long leaves less', async () => {
    let now = 0;
    const slow = new LeaseStore({
      kind: db.kind,
      query: async (sql, params) => {
        const rows = await db.query(sql, params);
        now += 10_000;
        return rows as never;
      },
      transaction: (work) => db.transaction(work),
      close: () => db.close(),
      [Symbol.asyncDispose]: () => db.close(),
    });
    const { lease } = await begin({ store: slow, ttlMs: 30_000, renewMs: 600_000, now: () => now });
    now = 23_999;
    expect(lease.valid).toBe(true);
    now = 24_000;
    expect(lease.valid).toBe(false);
  });

  test('that is left frees its sessions at once and comes back no more', async () => {
    const { lease, changes } = await begin({ ttlMs: 60_000, renewMs: 20 });
    const sessions = new SessionStore(db, keyring);
    await sessions.acquire(salon, 0, lease.id);
    await lease.leave();
    expect(lease.valid).toBe(false);
    expect(await store.listLive()).toEqual([]);
    expect((await sessions.acquire(salon, 0)).epoch).toBe(2);
    expect(changes).not.toContain('lost');
  });

  test('that cannot begin is the error of the start, and one that cannot be left ends by itself', async () => {
    const { lease, errors } = await begin({ ttlMs: 60_000, renewMs: 30_000 });
    await db.query('DROP TABLE whatsapp_replicas CASCADE');
    await expect(begin({})).rejects.toMatchObject({ code: '42P01' });
    await lease.leave();
    expect(errors).toMatchObject([{ code: '42P01' }]);
  });
});

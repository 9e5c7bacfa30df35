import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { SQL_ENGINES, type SqlEngine } from '../../../test/harness/sql-engines.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import { LeaseStore } from './lease-store.ts';
import { migrate } from './migrate.ts';
import { SessionStore } from './session-store.ts';

const salon = parseCompanyId('962302');
const other = parseCompanyId('962303');
const keyring = new Keyring({ current: randomBytes(32) });
const HOUR = 3_600_000;

describe.each(SQL_ENGINES)('leases on $name', ({ start }) => {
  let engine: SqlEngine;
  let db: SqlDatabase;
  let leases: LeaseStore;
  let sessions: SessionStore;

  beforeAll(async () => {
    engine = await start();
    // Replicas share a database; that the embedded one clears the table at a start has a test of its own.
    db = { ...plain(engine.db), kind: 'postgres' };
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    await engine.empty();
    await migrate(db, { keyring });
    leases = new LeaseStore(db);
    sessions = new SessionStore(db, keyring);
  });

  async function join(id: string, ttlMs = HOUR): Promise<void> {
    await leases.join({ id, name: `name of ${id}`, maxSessions: 10 }, ttlMs);
  }

  test('a session is taken by one replica, and the other learns who has it', async () => {
    await join('a');
    await join('b');
    const first = await sessions.acquire(salon, 0, 'a');
    await expect(sessions.acquire(salon, 99, 'b')).rejects.toMatchObject({ code: 'NOT_OWNER' });
    expect(await leases.readOwner(salon)).toEqual({ id: 'a', name: 'name of a' });
    await sessions.saveState(salon, first.epoch, { state: 'connected', confirmed: true });
    expect((await sessions.acquire(salon, 0, 'a')).epoch).toBe(2);
  });

  test('of many who try at once exactly one gets it', async () => {
    const ids = Array.from({ length: 8 }, (_, n) => `r${n}`);
    await Promise.all(ids.map((id) => join(id)));
    const outcomes = await Promise.allSettled(ids.map((id) => sessions.acquire(salon, 0, id)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const held = await Promise.all(ids.map(async (id) => (await leases.listHeld(id)).size));
    expect(held.reduce((a, b) => a + b)).toBe(1);
  });

  test('a lease that has ended cannot be renewed, and until it is removed nobody takes its sessions', async () => {
    await join('a');
    await join('b');
    const { epoch } = await sessions.acquire(salon, 0, 'a');
    expect(await leases.renew('a', 0)).toBe(true);
    expect(await leases.renew('a', HOUR)).toBe(false);
    await expect(sessions.acquire(salon, 0, 'b')).rejects.toMatchObject({ code: 'NOT_OWNER' });
    expect(await leases.removeExpired()).toEqual(['name of a']);
    expect((await sessions.acquire(salon, 0, 'b')).epoch).toBe(epoch + 1);
    await expect(sessions.saveCreds(salon, epoch, 'too late')).rejects.toMatchObject({ code: 'FENCED' });
  });

  test('whoever has no lease takes nothing', async () => {
    await expect(sessions.acquire(salon, 0, 'nobody')).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await join('a', 0);
    await leases.removeExpired();
    await expect(sessions.acquire(salon, 0, 'a')).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await leases.renew('a', HOUR)).toBe(false);
    expect(await db.query('SELECT FROM whatsapp_sessions')).toEqual([]);
  });

  test('a renewal and a removal at the moment of the end never both succeed', async () => {
    for (let round = 0; round < 30; round += 1) {
      const id = `r${round}`;
      await join(id, 1);
      const [renewed, removed] = await Promise.all([leases.renew(id, HOUR), leases.removeExpired()]);
      expect(renewed && removed.includes(`name of ${id}`)).toBe(false);
      const live = (await leases.listLive()).some((replica) => replica.id === id);
      expect(live).toBe(renewed);
    }
  });

  test('leaving frees everything at once, and nothing of others', async () => {
    await join('a');
    await join('b');
    await sessions.acquire(salon, 0, 'a');
    await sessions.acquire(other, 0, 'b');
    await leases.leave('a');
    await leases.leave('a');
    expect(await leases.listHeld('a')).toEqual(new Map());
    expect(await leases.listHeld('b')).toEqual(new Map([[other, 1]]));
    expect((await sessions.acquire(salon, 0, 'b')).epoch).toBe(2);
  });

  test('one session is released only at its present epoch', async () => {
    await join('a');
    const { epoch } = await sessions.acquire(salon, 0, 'a');
    await sessions.acquire(salon, 0, 'a');
    expect(await leases.release(salon, epoch, 'a')).toBe(false);
    expect(await leases.release(salon, epoch + 1, 'b')).toBe(false);
    expect(await leases.release(salon, epoch + 1, 'a')).toBe(true);
    expect(await leases.readOwner(salon)).toBeUndefined();
  });

  test('live replicas are listed with what they hold, ended ones are not', async () => {
    await join('a');
    await join('b');
    await join('c', 0);
    await sessions.acquire(salon, 0, 'b');
    const endsInMs = expect.closeTo(HOUR, -6) as unknown;
    expect(await leases.listLive()).toEqual([
      { id: 'a', name: 'name of a', maxSessions: 10, sessions: 0, endsInMs },
      { id: 'b', name: 'name of b', maxSessions: 10, sessions: 1, endsInMs },
    ]);
  });

  test('only sessions that nobody holds wait to be taken up', async () => {
    await join('a');
    const { epoch } = await sessions.acquire(salon, 0, 'a');
    await sessions.saveCreds(salon, epoch, '{}');
    expect(await sessions.listRestorable()).toEqual([]);
    await leases.release(salon, epoch, 'a');
    expect(await sessions.listRestorable()).toMatchObject([{ companyId: salon }]);
  });

  test('the one process of an embedded database follows the one before at once', async () => {
    const embedded = new LeaseStore({ ...plain(db), kind: 'pglite' });
    await embedded.join({ id: 'killed', name: 'x', maxSessions: 10 }, HOUR);
    await sessions.acquire(salon, 0, 'killed');
    await embedded.join({ id: 'next', name: 'x', maxSessions: 10 }, HOUR);
    expect((await sessions.acquire(salon, 0, 'next')).epoch).toBe(2);
  });
});

/** A copy that can be spread: the database itself is a class. */
function plain(db: SqlDatabase): SqlDatabase {
  return {
    kind: db.kind,
    query: (sql, params) => db.query(sql, params),
    transaction: (work) => db.transaction(work),
    close: () => db.close(),
    [Symbol.asyncDispose]: () => db.close(),
  };
}

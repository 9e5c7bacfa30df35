import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { SQL_ENGINES, type SqlEngine } from '../../../test/harness/sql-engines.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import { migrate } from './migrate.ts';
import { rotateKey } from './rotate-key.ts';
import { SessionStore } from './session-store.ts';

const salon = parseCompanyId('962302');
const other = parseCompanyId('962303');
const previous = randomBytes(32);
const current = randomBytes(32);
const before = new Keyring({ current: previous });
const rotating = new Keyring({ current, previous });
const after = new Keyring({ current });

describe.each(SQL_ENGINES)('the rotation of the key on $name', ({ start }) => {
  let engine: SqlEngine;
  let db: SqlDatabase;

  beforeAll(async () => {
    engine = await start();
    db = engine.db;
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  beforeEach(async () => {
    await engine.empty();
    await migrate(db, { keyring: before });
    const store = new SessionStore(db, before);
    for (const companyId of [salon, other]) {
      const { epoch } = await store.acquire(companyId, 0);
      await store.saveCreds(companyId, epoch, `creds of ${companyId}`);
      const entries = Array.from({ length: 7 }, (_, n) => ({ type: 'pre-key', id: String(n), value: `key ${n}` }));
      await store.saveKeys(companyId, epoch, entries);
    }
  });

  async function readAll(keyring: Keyring): Promise<unknown> {
    const store = new SessionStore(db, keyring);
    const ids = Array.from({ length: 7 }, (_, n) => String(n));
    return Promise.all(
      [salon, other].map(async (id) => [await store.readCreds(id), await store.readKeys(id, 'pre-key', ids)]),
    );
  }

  test('everything opens with the current key alone afterwards, and says the same', async () => {
    const was = await readAll(before);
    const progress: number[] = [];
    const report = await rotateKey(db, rotating, { batchRows: 3, onProgress: (n) => progress.push(n) });
    expect(report).toEqual({ rewritten: 16, unreadable: [], complete: true });
    expect(progress).toEqual([1, 4, 7, 8, 9, 12, 15, 16]);
    expect(await readAll(after)).toEqual(was);
  });

  test('a second run finds nothing to do and writes nothing', async () => {
    await rotateKey(db, rotating);
    const stored = await db.query('SELECT value FROM whatsapp_keys ORDER BY company_id, id');
    expect(await rotateKey(db, rotating)).toEqual({ rewritten: 0, unreadable: [], complete: true });
    expect(await db.query('SELECT value FROM whatsapp_keys ORDER BY company_id, id')).toEqual(stored);
  });

  test('a run that was stopped is continued by the next one', async () => {
    const stop = new AbortController();
    const first = await rotateKey(db, rotating, { batchRows: 3, signal: stop.signal, onProgress: () => stop.abort() });
    expect(first).toEqual({ rewritten: 1, unreadable: [], complete: false });
    expect(await rotateKey(db, rotating)).toEqual({ rewritten: 15, unreadable: [], complete: true });
  });

  test('what a service writes in between is kept, whichever key it has', async () => {
    const services = [new SessionStore(db, before), new SessionStore(db, rotating)] as const;
    let written = 0;
    const meddling: SqlDatabase = {
      ...passThrough(db),
      query: async (sql, params) => {
        const rows = await db.query(sql, params);
        // Read, and not yet rewritten.
        if (sql.includes('FROM whatsapp_keys') && sql.includes('LIMIT') && written < 2) {
          const service = services[written];
          written += 1;
          const values = [{ type: 'pre-key', id: '0', value: `written ${written}` }];
          await service?.saveKeys(salon, 1, values);
        }
        return rows as never;
      },
    };
    const report = await rotateKey(meddling, rotating);
    expect(report).toMatchObject({ unreadable: [], complete: true });
    const read = await new SessionStore(db, after).readKeys(salon, 'pre-key', ['0', '1']);
    expect(read).toEqual(
      new Map([
        ['0', 'written 2'],
        ['1', 'key 1'],
      ]),
    );
  });

  test('writes and a rotation at once end with everything readable and nothing lost', async () => {
    const store = new SessionStore(db, rotating);
    const writes = Array.from({ length: 40 }, (_, n) =>
      store.saveKeys(salon, 1, [
        { type: 'pre-key', id: String(n % 7), value: `written ${n}` },
        { type: 'pre-key', id: String((n + 3) % 7), value: `written ${n}` },
      ]),
    );
    const [report] = await Promise.all([rotateKey(db, rotating, { batchRows: 2 }), ...writes]);
    expect(report.complete).toBe(true);
    // The last write of each key: n % 7 or (n + 3) % 7, n up to 39.
    const expected = { 0: 39, 1: 36, 2: 37, 3: 38, 4: 39, 5: 37, 6: 38 };
    const read = await new SessionStore(db, after).readKeys(salon, 'pre-key', Object.keys(expected));
    expect(read).toEqual(new Map(Object.entries(expected).map(([id, n]) => [id, `written ${n}`])));
  });

  test('rows that cannot be read are counted by company and reason, left alone, and stop nothing', async () => {
    await db.query(
      'UPDATE whatsapp_auth SET creds = set_byte(creds, 3, get_byte(creds, 3) # 255) WHERE company_id = $1',
      [salon],
    );
    await db.query(
      `UPDATE whatsapp_keys SET value = set_byte(value, 38, get_byte(value, 38) # 255) WHERE company_id = $1 AND id < '2'`,
      [salon],
    );
    await db.query("UPDATE whatsapp_keys SET value = '\\x00' WHERE company_id = $1 AND id = '6'", [salon]);
    const report = await rotateKey(db, rotating, { batchRows: 2 });
    expect(report).toEqual({
      rewritten: 12,
      unreadable: [
        { table: 'whatsapp_auth', companyId: salon, reason: 'unknown-key', rows: 1 },
        { table: 'whatsapp_keys', companyId: salon, reason: 'corrupted', rows: 2 },
        { table: 'whatsapp_keys', companyId: salon, reason: 'unknown-format', rows: 1 },
      ],
      complete: true,
    });
    expect(await new SessionStore(db, after).readCreds(other)).toBe(`creds of ${other}`);
  });

  test('without the previous key everything is unreadable and nothing is changed', async () => {
    const was = await readAll(before);
    const { rewritten, unreadable } = await rotateKey(db, after);
    expect(rewritten).toBe(0);
    expect(unreadable.map(({ reason, rows }) => [reason, rows])).toEqual([
      ['unknown-key', 1],
      ['unknown-key', 7],
      ['unknown-key', 1],
      ['unknown-key', 7],
    ]);
    expect(await readAll(before)).toEqual(was);
  });
});

function passThrough(db: SqlDatabase): SqlDatabase {
  return {
    kind: db.kind,
    query: (sql, params) => db.query(sql, params),
    transaction: (work) => db.transaction(work),
    close: () => db.close(),
    [Symbol.asyncDispose]: () => db.close(),
  };
}

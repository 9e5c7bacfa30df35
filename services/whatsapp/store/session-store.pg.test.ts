import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId, type CompanyId } from '../../../shared/contract/company-id.ts';
import { SQL_ENGINES, type SqlEngine } from '../../../test/harness/sql-engines.ts';
import type { SqlDatabase } from './database.ts';
import { Keyring } from './encryption.ts';
import { migrate } from './migrate.ts';
import { SessionStore } from './session-store.ts';

const salon = parseCompanyId('962302');
const other = parseCompanyId('962303');
const current = randomBytes(32);
const keyring = new Keyring({ current });

describe.each(SQL_ENGINES)('SessionStore on $name', ({ start }) => {
  let engine: SqlEngine;
  let db: SqlDatabase;
  let store: SessionStore;

  beforeAll(async () => {
    engine = await start();
    db = engine.db;
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    await engine.empty();
    await migrate(db, { keyring });
    store = new SessionStore(db, keyring);
  });

  async function owned(companyId: CompanyId): Promise<number> {
    return (await store.acquire(companyId, 0)).epoch;
  }

  async function count(table: string): Promise<number> {
    const [row] = await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
    return row?.n ?? -1;
  }

  describe('acquire', () => {
    test('a company seen for the first time starts at epoch 1 without a state', async () => {
      expect(await store.acquire(salon, 0)).toEqual({
        companyId: salon,
        epoch: 1,
        state: undefined,
        confirmed: true,
        phoneNumber: undefined,
        lid: undefined,
        name: undefined,
      });
    });

    test('the epoch rises above both the row and the stream', async () => {
      expect((await store.acquire(salon, 41)).epoch).toBe(42);
      expect((await store.acquire(salon, 7)).epoch).toBe(43);
      expect((await store.acquire(salon, 43)).epoch).toBe(44);
      expect((await store.acquire(salon, 2 ** 40)).epoch).toBe(2 ** 40 + 1);
    });

    test('acquisitions at once get distinct epochs without gaps, and the last one alone can write', async () => {
      const rows = await Promise.all(Array.from({ length: 20 }, () => store.acquire(salon, 0)));
      const epochs = rows.map(({ epoch }) => epoch).toSorted((a, b) => a - b);
      expect(epochs).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      const writes = await Promise.allSettled(epochs.map((epoch) => store.saveCreds(salon, epoch, `of ${epoch}`)));
      expect(writes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await store.readCreds(salon)).toBe('of 20');
    });

    test('the last state is in the row that a new owner gets', async () => {
      const epoch = await owned(salon);
      await store.saveState(salon, epoch, {
        state: 'connected',
        confirmed: false,
        phoneNumber: '79990000001',
        lid: '1',
        name: 'Салон «Ёлка» 💇',
      });
      expect(await store.acquire(salon, 0)).toEqual({
        companyId: salon,
        epoch: epoch + 1,
        state: 'connected',
        confirmed: false,
        phoneNumber: '79990000001',
        lid: '1',
        name: 'Салон «Ёлка» 💇',
      });
    });

    test.each([-1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 60])('no epoch can follow %d', async (epoch) => {
      await expect(store.acquire(salon, epoch)).rejects.toThrow(RangeError);
      expect(await count('whatsapp_sessions')).toBe(0);
    });
  });

  describe('an owner that was replaced', () => {
    test('changes nothing, whatever it writes', async () => {
      const old = await owned(salon);
      await store.saveState(salon, old, { state: 'connected', confirmed: true, phoneNumber: '79990000001' });
      await store.saveCreds(salon, old, 'creds');
      await store.saveKeys(salon, old, [{ type: 'session', id: 'a', value: 'kept' }]);
      const now = await owned(salon);
      const fenced = { code: 'FENCED', companyId: salon, epoch: old };
      await expect(store.saveState(salon, old, { state: 'failed', confirmed: true })).rejects.toMatchObject(fenced);
      await expect(store.saveCreds(salon, old, 'stale')).rejects.toMatchObject(fenced);
      const batch = [
        { type: 'session', id: 'a', value: null },
        { type: 'session', id: 'b', value: 'stale' },
      ];
      await expect(store.saveKeys(salon, old, batch)).rejects.toMatchObject(fenced);
      await expect(store.saveKeys(salon, old, [])).rejects.toMatchObject(fenced);
      await expect(store.discardCredentials(salon, old)).rejects.toMatchObject(fenced);
      expect(await store.listRestorable()).toMatchObject([{ companyId: salon, epoch: now, state: 'connected' }]);
      expect(await store.readCreds(salon)).toBe('creds');
      expect(await store.readKeys(salon, 'session', ['a', 'b'])).toEqual(new Map([['a', 'kept']]));
    });

    test('an epoch that was never given cannot write either', async () => {
      await owned(salon);
      await expect(store.saveCreds(salon, 2, 'x')).rejects.toMatchObject({ code: 'FENCED' });
      await expect(store.saveCreds(other, 1, 'x')).rejects.toMatchObject({ code: 'FENCED' });
      expect(await count('whatsapp_auth')).toBe(0);
    });

    test('has written its last when the acquisition answers, even while it writes without a pause', async () => {
      const old = await owned(salon);
      const fenced = (async (): Promise<unknown> => {
        for (let n = 0; ; n += 1) {
          try {
            await store.saveKeys(salon, old, [{ type: 'session', id: 'a', value: String(n) }]);
          } catch (error) {
            return error;
          }
        }
      })();
      await expect.poll(() => store.readKeys(salon, 'session', ['a'])).not.toEqual(new Map());
      await new SessionStore(db, keyring).acquire(salon, 0);
      const atAcquisition = await store.readKeys(salon, 'session', ['a']);
      expect(await fenced).toMatchObject({ code: 'FENCED' });
      expect(await store.readKeys(salon, 'session', ['a'])).toEqual(atAcquisition);
    });
  });

  describe('credentials and keys', () => {
    test('nothing stored reads as nothing', async () => {
      expect(await store.readCreds(salon)).toBeUndefined();
      expect(await store.readKeys(salon, 'session', ['a'])).toEqual(new Map());
      expect(await store.readKeys(salon, 'session', [])).toEqual(new Map());
    });

    test('a first login saves 812 prekeys in one statement', async () => {
      const epoch = await owned(salon);
      const statements: string[] = [];
      const counted: SqlDatabase = {
        kind: db.kind,
        query: (sql, params) => {
          statements.push(sql);
          return db.query(sql, params);
        },
        transaction: (work) => {
          statements.push('BEGIN');
          return db.transaction(work);
        },
        close: () => db.close(),
        [Symbol.asyncDispose]: () => db.close(),
      };
      const entries = Array.from({ length: 812 }, (_, index) => ({
        type: 'pre-key',
        id: String(index + 1),
        value: JSON.stringify({
          private: randomBytes(32).toString('base64'),
          public: randomBytes(32).toString('base64'),
        }),
      }));
      await new SessionStore(counted, keyring).saveKeys(salon, epoch, entries);
      expect(statements).toHaveLength(1);
      const read = await store.readKeys(
        salon,
        'pre-key',
        entries.map(({ id }) => id),
      );
      expect(read).toEqual(new Map(entries.map(({ id, value }) => [id, value])));
    });

    test('a null value deletes, an absent one is no fault, and other types and companies stay', async () => {
      const [mine, theirs] = [await owned(salon), await owned(other)];
      await store.saveKeys(salon, mine, [
        { type: 'session', id: 'a', value: '1' },
        { type: 'session', id: 'b', value: '2' },
        { type: 'pre-key', id: 'a', value: '3' },
      ]);
      await store.saveKeys(other, theirs, [{ type: 'session', id: 'a', value: '4' }]);
      await store.saveKeys(salon, mine, [
        { type: 'session', id: 'a', value: null },
        { type: 'session', id: 'never', value: null },
        { type: 'session', id: 'b', value: '5' },
      ]);
      expect(await store.readKeys(salon, 'session', ['a', 'b', 'never'])).toEqual(new Map([['b', '5']]));
      expect(await store.readKeys(salon, 'pre-key', ['a'])).toEqual(new Map([['a', '3']]));
      expect(await store.readKeys(other, 'session', ['a'])).toEqual(new Map([['a', '4']]));
    });

    test('of two entries for one key in a batch the later counts', async () => {
      const epoch = await owned(salon);
      await store.saveKeys(salon, epoch, [
        { type: 'session', id: 'a', value: '1' },
        { type: 'session', id: 'a', value: '2' },
        { type: 'session', id: 'b', value: '3' },
        { type: 'session', id: 'b', value: null },
        { type: 'session', id: 'c', value: null },
        { type: 'session', id: 'c', value: '4' },
      ]);
      const expected = new Map([
        ['a', '2'],
        ['c', '4'],
      ]);
      expect(await store.readKeys(salon, 'session', ['a', 'b', 'c'])).toEqual(expected);
    });

    test.each([
      'with "quotes", {braces} and \\ slashes',
      'NULL',
      '',
      ' ',
      "'; DROP TABLE whatsapp_keys; --",
      'ключ 🔑',
    ])('the key id %j is only an id', async (id) => {
      const epoch = await owned(salon);
      await store.saveKeys(salon, epoch, [{ type: id, id, value: id }]);
      expect(await store.readKeys(salon, id, [id])).toEqual(new Map([[id, id]]));
      await store.saveKeys(salon, epoch, [{ type: id, id, value: null }]);
      expect(await count('whatsapp_keys')).toBe(0);
    });

    test('writes that nobody awaits take effect in call order', async () => {
      const epoch = await owned(salon);
      const writes = Array.from({ length: 50 }, (_, n) => [
        store.saveCreds(salon, epoch, String(n)),
        store.saveKeys(salon, epoch, [{ type: 'session', id: 'a', value: n % 2 === 0 ? String(n) : null }]),
      ]);
      await Promise.all(writes.flat());
      expect(await store.readCreds(salon)).toBe('49');
      expect(await store.readKeys(salon, 'session', ['a'])).toEqual(new Map());
    });

    test('discarding deletes creds and keys of that company and keeps its epoch', async () => {
      const [mine, theirs] = [await owned(salon), await owned(other)];
      for (const [companyId, epoch] of [[salon, mine] as const, [other, theirs] as const]) {
        await store.saveCreds(companyId, epoch, 'creds');
        await store.saveKeys(companyId, epoch, [{ type: 'session', id: 'a', value: '1' }]);
      }
      await store.discardCredentials(salon, mine);
      await store.discardCredentials(salon, mine);
      expect(await store.readCreds(salon)).toBeUndefined();
      expect(await store.readKeys(salon, 'session', ['a'])).toEqual(new Map());
      expect(await store.readCreds(other)).toBe('creds');
      expect(await store.readKeys(other, 'session', ['a'])).toEqual(new Map([['a', '1']]));
      expect((await store.acquire(salon, 0)).epoch).toBe(mine + 1);
    });

    test('no plaintext reaches the tables', async () => {
      const epoch = await owned(salon);
      await store.saveCreds(salon, epoch, '{"noiseKey":"secret-of-creds"}');
      await store.saveKeys(salon, epoch, [{ type: 'session', id: 'a', value: 'secret-of-key' }]);
      const rows = await db.query<{ stored: string }>(
        `SELECT encode(creds, 'escape') AS stored FROM whatsapp_auth
         UNION ALL SELECT encode(value, 'escape') FROM whatsapp_keys`,
      );
      expect(rows).toHaveLength(2);
      for (const { stored } of rows) expect(stored).not.toContain('secret');
    });
  });

  describe('a row that cannot be read', () => {
    const unreadable = { code: 'CREDENTIALS_UNREADABLE', companyId: salon };

    beforeEach(async () => {
      for (const companyId of [salon, other]) {
        const epoch = await owned(companyId);
        await store.saveCreds(companyId, epoch, `creds of ${companyId}`);
        await store.saveKeys(companyId, epoch, [
          { type: 'session', id: 'a', value: `a of ${companyId}` },
          { type: 'session', id: 'b', value: `b of ${companyId}` },
        ]);
      }
    });

    test.each([
      ['format', 0, 'unknown-format'],
      ['key id', 3, 'unknown-key'],
      ['nonce', 12, 'corrupted'],
      ['tag', 25, 'corrupted'],
      ['text', 38, 'corrupted'],
    ])('damage to its %s fails that company alone', async (_, offset, reason) => {
      const damage = (column: string): string =>
        `SET ${column} = set_byte(${column}, ${offset}, get_byte(${column}, ${offset}) # 255)`;
      await db.query(`UPDATE whatsapp_auth ${damage('creds')} WHERE company_id = $1`, [salon]);
      await db.query(`UPDATE whatsapp_keys ${damage('value')} WHERE company_id = $1 AND id = 'a'`, [salon]);
      await expect(store.readCreds(salon)).rejects.toMatchObject({ ...unreadable, reason });
      await expect(store.readKeys(salon, 'session', ['a', 'b'])).rejects.toMatchObject({ ...unreadable, reason });
      expect(await store.readKeys(salon, 'session', ['b'])).toEqual(new Map([['b', `b of ${salon}`]]));
      expect(await store.readCreds(other)).toBe(`creds of ${other}`);
      expect(await store.listRestorable()).toMatchObject([{ companyId: salon }, { companyId: other }]);
    });

    test('a row moved from another company does not open', async () => {
      await db.query(
        'UPDATE whatsapp_auth SET creds = (SELECT creds FROM whatsapp_auth WHERE company_id = $2) WHERE company_id = $1',
        [salon, other],
      );
      await expect(store.readCreds(salon)).rejects.toMatchObject({ ...unreadable, reason: 'corrupted' });
      expect(await store.readCreds(other)).toBe(`creds of ${other}`);
    });

    test('a value moved to another key of the same company does not open', async () => {
      await db.query(
        `UPDATE whatsapp_keys AS a SET value = b.value FROM whatsapp_keys AS b
          WHERE a.company_id = $1 AND b.company_id = $1 AND a.id = 'a' AND b.id = 'b'`,
        [salon],
      );
      await expect(store.readKeys(salon, 'session', ['a'])).rejects.toMatchObject({
        ...unreadable,
        reason: 'corrupted',
      });
    });

    test('credentials written with a lost key are unreadable, and can be replaced', async () => {
      const restarted = new SessionStore(db, new Keyring({ current: randomBytes(32) }));
      await expect(restarted.readCreds(salon)).rejects.toMatchObject({ ...unreadable, reason: 'unknown-key' });
      const { epoch } = await restarted.acquire(salon, 0);
      await restarted.discardCredentials(salon, epoch);
      await restarted.saveCreds(salon, epoch, 'linked again');
      expect(await restarted.readCreds(salon)).toBe('linked again');
    });

    test('after a rotation the previous key reads, and a save moves the row to the new key', async () => {
      const next = randomBytes(32);
      const rotating = new SessionStore(db, new Keyring({ current: next, previous: current }));
      expect(await rotating.readCreds(salon)).toBe(`creds of ${salon}`);
      expect(await rotating.readKeys(salon, 'session', ['a'])).toEqual(new Map([['a', `a of ${salon}`]]));
      const { epoch } = await rotating.acquire(salon, 0);
      await rotating.saveCreds(salon, epoch, 'saved again');
      const rotated = new SessionStore(db, new Keyring({ current: next }));
      expect(await rotated.readCreds(salon)).toBe('saved again');
      await expect(rotated.readCreds(other)).rejects.toMatchObject({ reason: 'unknown-key' });
    });
  });

  describe('listRestorable', () => {
    test('lists sessions with credentials, whatever their state, and terminal states the stream may not have', async () => {
      const cases = [
        { salonId: '1', creds: true, state: undefined },
        { salonId: '2', creds: true, state: { state: 'connected', confirmed: true } },
        { salonId: '3', creds: false, state: { state: 'logged-out', confirmed: false } },
        { salonId: '4', creds: false, state: { state: 'logged-out', confirmed: true } },
        { salonId: '5', creds: false, state: { state: 'qr', confirmed: false } },
        { salonId: '6', creds: false, state: undefined },
        { salonId: '7', creds: false, state: { state: 'failed', confirmed: false } },
      ] as const;
      for (const { salonId, creds, state } of cases) {
        const companyId = parseCompanyId(salonId);
        const epoch = await owned(companyId);
        if (creds) await store.saveCreds(companyId, epoch, '{}');
        if (state) await store.saveState(companyId, epoch, state);
      }
      const listed = await store.listRestorable();
      expect(listed.map(({ companyId }) => companyId)).toEqual(['company_1', 'company_2', 'company_3', 'company_7']);
    });

    test('a state that is saved without a field clears it', async () => {
      const epoch = await owned(salon);
      await store.saveCreds(salon, epoch, '{}');
      await store.saveState(salon, epoch, {
        state: 'connected',
        confirmed: true,
        phoneNumber: '79990000001',
        name: 'A',
      });
      await store.saveState(salon, epoch, { state: 'disconnected', confirmed: true });
      expect(await store.listRestorable()).toMatchObject([
        { state: 'disconnected', phoneNumber: undefined, name: undefined },
      ]);
    });

    test('a name with a NUL character is stored without it', async () => {
      const epoch = await owned(salon);
      await store.saveState(salon, epoch, { state: 'logged-out', confirmed: false, name: 'A\0B' });
      expect(await store.listRestorable()).toMatchObject([{ name: 'AB' }]);
    });
  });

  describe('the tables', () => {
    const badIds = ['', '962302', 'company_', 'company_0', 'company_01', 'company_1 ', 'company_1\n', 'company_٣'];

    test.each([...badIds, 'Company_1', 'xcompany_1', 'company_12345678901234567890'])(
      'refuse %j as a company id',
      async (id) => {
        const inserts = [
          'INSERT INTO whatsapp_sessions (company_id, epoch) VALUES ($1, 1)',
          "INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, '')",
          "INSERT INTO whatsapp_keys (company_id, type, id, value) VALUES ($1, '', '', '')",
        ];
        for (const sql of inserts) await expect(db.query(sql, [id])).rejects.toMatchObject({ code: '23514' });
        await expect(store.acquire(id as CompanyId, 0)).rejects.toMatchObject({ code: '23514' });
      },
    );
  });
});

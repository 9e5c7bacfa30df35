import { describe, expect, test } from 'vitest';
import { chooseCreds, chooseKey, toCompanyId, toJsonText, toKeyName, type CredsCandidate } from './legacy-values.ts';

function candidate(form: string, creds: object, updated: string | null = '2026-01-02'): CredsCandidate {
  return { form, json: JSON.stringify(creds), updated };
}
const account = { details: 'signed' };
const me = { id: '79990000001:3@s.whatsapp.net' };

describe('the id of a legacy row', () => {
  test.each(['962302', 'company_962302'])('%s is the one canonical id', (id) => {
    expect(toCompanyId(id)).toBe('company_962302');
  });

  test.each([null, '', ' 962302', 'company_', 'company_0962302', '0', 'salon_1', '9.6e5', 'company_company_1'])(
    '%j is none',
    (id) => {
      expect(toCompanyId(id)).toBeUndefined();
    },
  );
});

describe('which credentials a company keeps', () => {
  test.each([
    ['a signed account before a newer half-made pairing', { account, me }, { me }],
    ['a signed account before a newer registration that was never signed', { account, me }, { registered: true, me }],
    ['a registration before a newer half-made pairing', { registered: true }, { me }],
  ])('%s', (_, kept, dropped) => {
    const winner = candidate('962302', kept, '2026-01-01');
    const choice = chooseCreds([candidate('company_962302', dropped, '2026-01-02'), winner]);
    expect(choice).toEqual({ chosen: winner, registered: true });
  });

  test('a pairing that was only begun does not count as registered', () => {
    const only = candidate('962302', { me, pairingCode: 'ABCD1234' });
    expect(chooseCreds([only])).toEqual({ chosen: only, registered: false });
  });

  test('of two registered ones of the same account the newer', () => {
    const newer = candidate('962302', { account, me, n: 2 }, '2026-01-02');
    const older = candidate('company_962302', { account, me: { id: '79990000001:1@s.whatsapp.net' } }, '2026-01-01');
    expect(chooseCreds([newer, older])).toEqual({ chosen: newer, registered: true });
  });

  test('two accounts under one company are left to a person', () => {
    const other = { account, me: { id: '79990000002:1@s.whatsapp.net' } };
    expect(chooseCreds([candidate('962302', { account, me }), candidate('company_962302', other)])).toEqual({
      problem: 'two-accounts',
    });
  });

  test('two different credentials of one moment are left to a person, equal ones are not', () => {
    const one = candidate('company_962302', { account, me, n: 1 });
    expect(chooseCreds([one, candidate('962302', { account, me, n: 2 })])).toEqual({ problem: 'duplicate-creds' });
    expect(chooseCreds([one, candidate('962302', { account, me, n: 1 })])).toMatchObject({ chosen: one });
  });
});

describe('which value a key keeps', () => {
  const ours = { form: '962302', json: '1', updated: '2026-01-01' };
  const theirs = { form: 'company_962302', json: '2', updated: '2026-01-02' };

  test('that of the chosen credentials, even when the other is newer', () => {
    expect(chooseKey([theirs, ours], '962302')).toBe(ours);
  });

  test('the only one there is', () => {
    expect(chooseKey([theirs], '962302')).toBe(theirs);
  });

  test('none when two of equal right differ', () => {
    expect(chooseKey([ours, { ...ours, json: '3' }], '962302')).toBeUndefined();
    expect(chooseKey([ours, { ...ours }], '962302')).toBe(ours);
  });
});

describe('the name of a key', () => {
  test.each([
    ['pre-key-17', 'pre-key', '17'],
    ['session-79990000001.0', 'session', '79990000001.0'],
    ['sender-key-memory-1@g.us', 'sender-key-memory', '1@g.us'],
    ['sender-key-1@g.us::2::0', 'sender-key', '1@g.us::2::0'],
    ['app-state-sync-version-regular_low', 'app-state-sync-version', 'regular_low'],
    ['lid-mapping:100000000000001_reverse', 'lid-mapping', '100000000000001_reverse'],
  ])('%s is a type and an id', (name, type, id) => {
    expect(toKeyName(null, name)).toEqual({ type, id });
  });

  test.each(['creds', 'pre-key', 'pre-key-', 'prekey-1', '', 'session'])('%j is none', (name) => {
    expect(toKeyName(null, name)).toBeUndefined();
  });

  test('two columns are taken as they are, unless one is empty', () => {
    expect(toKeyName('anything', 'x')).toEqual({ type: 'anything', id: 'x' });
    expect(toKeyName('', 'x')).toBeUndefined();
    expect(toKeyName('session', '')).toBeUndefined();
    expect(toKeyName('session', null)).toBeUndefined();
  });
});

describe('stored JSON', () => {
  test.each([
    ['{"a":1}', '{"a":1}'],
    ['"100000000000001"', '"100000000000001"'],
    [String.raw`"{\"a\":1}"`, '{"a":1}'],
    [String.raw`"\"twice\""`, '"twice"'],
    [String.raw`"{not json"`, String.raw`"{not json"`],
  ])('%s is kept as %s', (stored, expected) => {
    expect(toJsonText(stored)).toBe(expected);
  });

  test.each(['', '{', 'undefined', '[object Object]', String.raw`\x7b7d`])('%j is none', (stored) => {
    expect(toJsonText(stored)).toBeUndefined();
  });
});

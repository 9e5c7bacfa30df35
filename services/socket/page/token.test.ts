import { describe, expect, test } from 'vitest';
import { openTabStorage, splitToken, TabMemory, type TabStorage } from './token.ts';

function forbidden(): Storage {
  throw new DOMException('denied', 'SecurityError');
}

const emptyStorage = (): TabStorage => openTabStorage(forbidden);

describe('the token of a link', () => {
  test.each([
    ['the fragment', 'https://wa.test/#token=a.b.c', 'https://wa.test/'],
    ['the query', 'https://wa.test/?token=a.b.c', 'https://wa.test/'],
    ['the query beside a language', 'https://wa.test/?lang=en&token=a.b.c', 'https://wa.test/?lang=en'],
    ['a fragment with more in it', 'https://wa.test/#step=2&token=a.b.c', 'https://wa.test/#step=2'],
  ])('is taken out of %s', (_where, address, cleanAddress) => {
    expect(splitToken(address)).toEqual({ token: 'a.b.c', cleanAddress });
  });

  test('in the fragment wins, and both places are cleaned', () => {
    expect(splitToken('https://wa.test/?token=old#token=new')).toEqual({
      token: 'new',
      cleanAddress: 'https://wa.test/',
    });
  });

  test.each(['https://wa.test/', 'https://wa.test/?token=', 'https://wa.test/#token=%20'])(
    'is absent from %s',
    (address) => {
      expect(splitToken(address).token).toBeUndefined();
    },
  );
});

describe('the memory of a tab', () => {
  test('keeps token and begin of the wait over a reload', () => {
    const storage = emptyStorage();
    const before = new TabMemory(storage);
    before.rememberToken('a.b.c');
    before.waitingSince(1_000);
    const after = new TabMemory(storage);
    expect([after.token, after.waitingSince(9_000)]).toEqual(['a.b.c', 1_000]);
  });

  test('starts a new wait with a new link, and keeps it with the same one', () => {
    const memory = new TabMemory(emptyStorage());
    memory.rememberToken('first');
    memory.waitingSince(1_000);
    memory.rememberToken('first');
    expect(memory.waitingSince(2_000)).toBe(1_000);
    memory.rememberToken('second');
    expect(memory.waitingSince(3_000)).toBe(3_000);
  });

  test('starts a new wait after the last one ended', () => {
    const memory = new TabMemory(emptyStorage());
    memory.waitingSince(1_000);
    memory.endWait();
    expect(memory.waitingSince(5_000)).toBe(5_000);
  });

  test.each(['soon', '-1', '99999'])('does not believe a begin of %s', (kept) => {
    const storage = emptyStorage();
    storage.setItem('onboarding-waiting-since', kept);
    expect(new TabMemory(storage).waitingSince(5_000)).toBe(5_000);
  });
});

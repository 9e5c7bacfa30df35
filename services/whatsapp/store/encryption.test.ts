import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { Keyring, type ValueAddress } from './encryption.ts';

const address: ValueAddress = {
  table: 'whatsapp_keys',
  companyId: parseCompanyId('962302'),
  type: 'session',
  id: '79990000001:1.0',
};
const current = randomBytes(32);
const keyring = new Keyring({ current });

describe('Keyring', () => {
  test('any text comes back from the address it was written for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string(), (text, type, id) => {
        const here = { ...address, type, id };
        expect(keyring.decrypt(keyring.encrypt(text, here), here)).toBe(text);
      }),
    );
  });

  test('the same text never gives the same bytes twice', () => {
    expect(keyring.encrypt('x', address)).not.toEqual(keyring.encrypt('x', address));
  });

  test('the bytes are version, key id, nonce, tag, ciphertext, and hold no plaintext', () => {
    const bytes = keyring.encrypt('a secret', address);
    expect(bytes[0]).toBe(1);
    expect(bytes.length).toBe(1 + 8 + 12 + 16 + 'a secret'.length);
    expect(bytes.includes('a secret')).toBe(false);
    expect(bytes.subarray(1, 9)).toEqual(keyring.encrypt('another', address).subarray(1, 9));
  });

  test('the key id is no part of the key', () => {
    const id = keyring.encrypt('x', address).subarray(1, 9);
    expect(current.includes(id)).toBe(false);
  });

  test.each<[string, Partial<ValueAddress>]>([
    ['company', { companyId: parseCompanyId('962303') }],
    ['table', { table: 'whatsapp_auth' }],
    ['type', { type: 'pre-key' }],
    ['id', { id: '79990000002:1.0' }],
    ['border between type and id', { type: 'session79990000001', id: ':1.0' }],
  ])('bytes moved to another %s do not open', (_, moved) => {
    const bytes = keyring.encrypt('a secret', address);
    expect(() => keyring.decrypt(bytes, { ...address, ...moved })).toThrow(
      expect.objectContaining({ code: 'CREDENTIALS_UNREADABLE', reason: 'corrupted' }),
    );
  });

  test('a flip of any single bit is noticed', () => {
    const bytes = keyring.encrypt('a secret', address);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => keyring.decrypt(damaged, address)).toThrow(
        expect.objectContaining({ code: 'CREDENTIALS_UNREADABLE', companyId: address.companyId }),
      );
    }
  });

  test('bytes cut at any length are noticed', () => {
    const bytes = keyring.encrypt('a secret', address);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => keyring.decrypt(bytes.subarray(0, length), address)).toThrow(
        expect.objectContaining({ code: 'CREDENTIALS_UNREADABLE' }),
      );
    }
  });

  test('a format of the future says so', () => {
    const bytes = keyring.encrypt('a secret', address);
    bytes[0] = 2;
    expect(() => keyring.decrypt(bytes, address)).toThrow(expect.objectContaining({ reason: 'unknown-format' }));
  });

  test('a key that is not in the ring says so', () => {
    const bytes = new Keyring({ current: randomBytes(32) }).encrypt('a secret', address);
    expect(() => keyring.decrypt(bytes, address)).toThrow(expect.objectContaining({ reason: 'unknown-key' }));
  });

  test('after a rotation the previous key still reads and the new one writes', () => {
    const old = keyring.encrypt('a secret', address);
    const rotated = new Keyring({ current: randomBytes(32), previous: current });
    expect(rotated.decrypt(old, address)).toBe('a secret');
    const written = rotated.encrypt('a secret', address);
    expect(rotated.decrypt(written, address)).toBe('a secret');
    expect(() => keyring.decrypt(written, address)).toThrow(expect.objectContaining({ reason: 'unknown-key' }));
  });

  test('neither the text nor the key is in the message of an error', () => {
    const bytes = keyring.encrypt('a secret', address);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(() => keyring.decrypt(bytes, address)).toThrow(
      'stored credentials of company_962302 cannot be read: corrupted',
    );
  });

  test.each([0, 16, 31, 33, 64])('a key of %i bytes is a fault of the configuration', (length) => {
    const wrong = randomBytes(length);
    expect(() => new Keyring({ current: wrong })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => new Keyring({ current, previous: wrong })).toThrow(/previous credentials key must be 32 bytes/);
  });

  test('the ring keeps its key when the caller wipes the buffer', () => {
    const own = Buffer.from(current);
    const ring = new Keyring({ current: own });
    own.fill(0);
    expect(ring.decrypt(keyring.encrypt('a secret', address), address)).toBe('a secret');
  });
});

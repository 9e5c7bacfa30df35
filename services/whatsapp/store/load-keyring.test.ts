import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import type { Keyring, ValueAddress } from './encryption.ts';
import { loadKeyring, loadOrCreateKeyFile } from './load-keyring.ts';

const address: ValueAddress = { table: 'whatsapp_auth', companyId: parseCompanyId('962302'), type: '', id: '' };
let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'keyring-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function keyFile(key: Uint8Array, name = 'key'): Promise<string> {
  const file = join(dataDir, name);
  await writeFile(file, `${Buffer.from(key).toString('base64')}\n`);
  return file;
}

function opens(ring: Keyring, bytes: Uint8Array): boolean {
  try {
    return ring.decrypt(bytes, address) === 'creds';
  } catch {
    return false;
  }
}

describe('loadKeyring', () => {
  test('a key given as a value and in a file is the same key', async () => {
    const key = randomBytes(32);
    const fromValue = await loadKeyring({ key, dataDir });
    const fromFile = await loadKeyring({ keyFile: await keyFile(key), dataDir });
    expect(opens(fromFile, fromValue.encrypt('creds', address))).toBe(true);
    expect(await readdir(dataDir)).toEqual(['key']);
  });

  test('the previous key file reads what was written before a rotation', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const written = (await loadKeyring({ key: before, dataDir })).encrypt('creds', address);
    const previousKeyFile = await keyFile(before, 'previous');
    expect(opens(await loadKeyring({ key: after, previousKeyFile, dataDir }), written)).toBe(true);
    expect(opens(await loadKeyring({ key: after, dataDir }), written)).toBe(false);
  });

  test('without a configured key the one in the data folder is made once and kept', async () => {
    const written = (await loadKeyring({ dataDir })).encrypt('creds', address);
    expect(opens(await loadKeyring({ dataDir }), written)).toBe(true);
    expect(await readdir(dataDir)).toEqual(['credentials.key']);
  });

  test.each(['the current key', 'the previous key'])(
    'a configured file that is absent is a fault, and nothing is made in its place: %s',
    async (which) => {
      const absent = join(dataDir, 'absent');
      const source =
        which === 'the current key' ? { keyFile: absent } : { key: randomBytes(32), previousKeyFile: absent };
      const loading = loadKeyring({ ...source, dataDir });
      await expect(loading).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      await expect(loading).rejects.toThrow(/absent cannot be read/);
      expect(await readdir(dataDir)).toEqual([]);
    },
  );

  test.each([
    ['nothing', ''],
    ['a short key', randomBytes(16).toString('base64')],
    ['a long key', randomBytes(33).toString('base64')],
    ['hexadecimal', randomBytes(32).toString('hex')],
    ['something else', 'not a key at all!'],
  ])('a file with %s is a fault that names the file and not its text', async (_, text) => {
    const file = join(dataDir, 'wrong');
    await writeFile(file, text);
    for (const loading of [() => loadKeyring({ keyFile: file, dataDir }), () => loadOrCreateKeyFile(file)]) {
      const error: unknown = await loading().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(String(error)).toContain(file);
      if (text !== '') expect(String(error)).not.toContain(text);
    }
    expect(await readFile(file, 'utf8')).toBe(text);
  });
});

describe('loadOrCreateKeyFile', () => {
  test('makes the folder, and a file that its owner alone may read', async () => {
    const file = join(dataDir, 'deep', 'er', 'credentials.key');
    const key = await loadOrCreateKeyFile(file);
    expect(key).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('callers at once answer one key and leave one file', async () => {
    const file = join(dataDir, 'credentials.key');
    const keys = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateKeyFile(file)));
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['credentials.key']);
  });
});

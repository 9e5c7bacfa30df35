import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Directory } from './directory.ts';
import { PreKeys } from './prekeys.ts';
import type { Device } from './stored-state.ts';

const preKeys = (count: number) =>
  PreKeys.of(Array.from({ length: count }, (_, id) => ({ id, key: Buffer.alloc(32, id) })));

const DEVICE: Device = {
  phoneNumber: '79990000001',
  device: 1,
  platform: 'Chrome (Mac OS)',
  linkedAt: 1_764_870_000_000,
  noiseKey: Buffer.alloc(32, 1),
  identityKey: Buffer.alloc(32, 2),
  registrationId: 1337,
  signedPreKey: { id: 1, key: Buffer.alloc(32, 3), signature: Buffer.alloc(64, 4) },
  preKeys: PreKeys.none,
  introduced: false,
};
const JID = '79990000001:1@s.whatsapp.net';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'directory-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = () => Directory.open(folder, [{}, { name: 'Vera', business: false }]);

describe('a folder opened again', () => {
  test('holds the same root key, phones and devices', async () => {
    const before = await open();
    await before.addPhone({ phoneNumber: '79990000777', name: 'Seven' });
    await before.addDevice(DEVICE);
    await before.updateDevice(JID, { preKeys: preKeys(812) });
    const after = await open();
    expect(after.rootKey).toEqual(before.rootKey);
    expect(after.phones()).toEqual(before.phones());
    expect(after.device(JID)).toEqual({ ...DEVICE, preKeys: preKeys(812) });
  });

  test('never gives an index to two devices', async () => {
    const before = await open();
    const [phone] = before.phones();
    if (!phone) throw new Error('no phone');
    expect(await Promise.all([before.nextDevice(phone), before.nextDevice(phone)])).toEqual([1, 2]);
    expect(await (await open()).nextDevice(phone)).toBe(3);
  });

  test('does not make the default phones again', async () => {
    await open();
    expect((await open()).phones().map(({ id, lid, name }) => [id, lid, name])).toEqual([
      ['79990000001', '100000000000001', 'Salon 01'],
      ['79990000002', '100000000000002', 'Vera'],
    ]);
  });

  test('keeps private keys from other users of the machine', async () => {
    await open();
    for (const file of ['root-key.json', 'phones/79990000001.json']) {
      const { mode } = await stat(join(folder, file));
      expect(mode & 0o077).toBe(0);
    }
  });
});

test('a device of a folder that counted prekeys and did not hold them has none, and is asked for new ones', async () => {
  const before = await Directory.open(folder, [{ phoneNumber: '79990000001' }]);
  await before.addDevice(DEVICE);
  const path = join(folder, 'devices', '79990000001-1.json');
  const stored = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...stored, preKeys: 812 }));
  expect((await Directory.open(folder, [])).device(JID)?.preKeys.count).toBe(0);
});

describe('a device that was removed', () => {
  test('does not come back through an upload that was under way', async () => {
    const directory = await open();
    await directory.addDevice(DEVICE);
    const upload = directory.updateDevice(JID, { preKeys: preKeys(812) });
    const removal = directory.removeDevice(DEVICE);
    const late = directory.updateDevice(JID, { preKeys: preKeys(5) });
    await Promise.all([upload, removal, late]);
    expect(directory.device(JID)).toBeUndefined();
    expect(await readdir(join(folder, 'devices'))).toEqual([]);
  });
});

describe('a damaged file', () => {
  test.each([
    ['cut short', (path: string) => truncate(path, 20)],
    ['empty', (path: string) => writeFile(path, '')],
    ['of another shape', (path: string) => writeFile(path, '{"phoneNumber":"79990000001"}')],
    ['with a key of the wrong size', (path: string) => writeFile(path, '{"privateKey":"AAAA"}')],
  ])('%s stops the start, named, and stays as it is', async (_what, damage) => {
    await open();
    for (const file of ['root-key.json', 'phones/79990000001.json']) {
      const path = join(folder, file);
      const intact = await readFile(path);
      await damage(path);
      const damaged = await readFile(path);
      await expect(open()).rejects.toMatchObject({ code: 'STATE_CORRUPTED', path });
      expect(await readFile(path)).toEqual(damaged);
      await writeFile(path, intact);
    }
  });

  test('of a device whose phone is gone stops the start too', async () => {
    const directory = await open();
    await directory.addDevice(DEVICE);
    await rm(join(folder, 'phones', '79990000001.json'));
    const path = join(folder, 'devices', '79990000001-1.json');
    await expect(open()).rejects.toMatchObject({ code: 'STATE_CORRUPTED', path });
  });

  test('is not quoted in the error', async () => {
    await open();
    const path = join(folder, 'phones', '79990000001.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, -5));
    const error = await open().catch((reason: unknown) => reason);
    const { identityPrivateKey } = JSON.parse(text) as { identityPrivateKey: string };
    expect(String((error as Error).stack)).not.toContain(identityPrivateKey.slice(0, 8));
  });

  test('that a killed process left half-written beside the real one is ignored', async () => {
    await open();
    await writeFile(join(folder, 'phones', '79990000001.json.4711.tmp'), '{"phone');
    expect((await open()).phones()).toHaveLength(2);
  });
});

describe('a new phone', () => {
  test('gets the next free number and LID', async () => {
    const phone = await (await open()).addPhone({});
    expect(phone).toMatchObject({ id: '79990000003', lid: '100000000000003' });
  });

  test.each([
    ['a number with a plus', { phoneNumber: '+79990000009' }, 'PHONE_INVALID'],
    ['a path', { phoneNumber: '../../etc/x' }, 'PHONE_INVALID'],
    ['a LID that is no number', { lid: 'lid' }, 'PHONE_INVALID'],
    ['an empty name', { name: '' }, 'PHONE_INVALID'],
    ['the number of another phone', { phoneNumber: '79990000001' }, 'PHONE_EXISTS'],
    ['the LID of another phone', { lid: '100000000000001' }, 'PHONE_EXISTS'],
  ])('is refused with %s', async (_what, request, code) => {
    const directory = await open();
    await expect(directory.addPhone(request)).rejects.toMatchObject({ code });
    expect(directory.phones()).toHaveLength(2);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CANARY_SALONS, reservedRangeOf } from '../../shared/contract/company-id.ts';
import { signToken } from '../../shared/http/sign-token.ts';
import { chooseIdentity, type Identity } from './identity.ts';

const SECRET = 'a secret for tests of at least 32 bytes';
const SIGNING = { kind: 'secret', secret: SECRET, issuer: 'marketplace', audience: undefined } as const;

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canary-'));
  path = join(folder, 'token');
});

afterEach(() => rm(folder, { recursive: true }));

async function fileOf(salonId: string): Promise<void> {
  await writeFile(path, `${await signToken({ secret: SECRET, salonId, hours: 1 })}\n`);
}

describe('the identity of a canary', () => {
  test('is always a reserved company, the same for the same replica', async () => {
    for (let replica = 0; replica < 300; replica += 1) {
      const { companyId } = await chooseIdentity(SIGNING, `host-${replica}`);
      expect(reservedRangeOf(companyId)).toBe('canary');
      expect((await chooseIdentity(SIGNING, `host-${replica}`)).companyId).toBe(companyId);
    }
  });

  test('moves over all reserved companies before it comes back to the first', async () => {
    const seen = new Set<string>();
    let identity: Identity = await chooseIdentity(SIGNING, 'host-1');
    for (let move = 0; move < CANARY_SALONS.count; move += 1, identity = identity.next()) seen.add(identity.companyId);
    expect(seen.size).toBe(CANARY_SALONS.count);
    expect(seen).toContain(identity.companyId);
  });

  test('signs tokens for its own company, with the issuer that the gateway asks for', async () => {
    const identity = await chooseIdentity(SIGNING, 'host-1');
    expect(decodeJwt(await identity.token())).toMatchObject({
      iss: 'marketplace',
      salon_id: Number(identity.companyId.slice('company_'.length)),
    });
  });

  test('comes from the token of a file, read anew each time, and then never moves', async () => {
    await fileOf('9000000007');
    const identity = await chooseIdentity({ kind: 'file', path }, 'host-1');
    expect(identity.companyId).toBe('company_9000000007');
    expect(identity.next()).toBe(identity);
    await writeFile(path, 'another token');
    expect(await identity.token()).toBe('another token');
  });

  test.each(['962301', '9100000000', '8999999999', '9000000100'])(
    'is refused for the token of salon %s',
    async (salon) => {
      await fileOf(salon);
      await expect(chooseIdentity({ kind: 'file', path }, 'host-1')).rejects.toMatchObject({
        code: 'CANARY_TOKEN_UNUSABLE',
        message: expect.stringContaining('is of a salon that is not from 9000000000 to 9000000099') as string,
      });
    },
  );

  test('is refused for a file that is missing or holds no token', async () => {
    await expect(chooseIdentity({ kind: 'file', path }, 'host-1')).rejects.toThrow(/cannot be read/);
    await writeFile(path, 'no token at all');
    await expect(chooseIdentity({ kind: 'file', path }, 'host-1')).rejects.toThrow(/holds no token with a salon_id/);
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair, type JWTPayload } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { TokenVerifier, type AuthConfig } from './auth.ts';

const secret = Buffer.from('a secret of at least thirty-two bytes');
const previous = Buffer.from('the secret before it, also long enough');
const claims = { salon_id: 962302, company_id: 17 };

function verifier(overrides: Partial<AuthConfig> = {}): TokenVerifier {
  return new TokenVerifier({
    keys: { kind: 'secrets', secrets: [secret, previous] },
    issuer: undefined,
    audience: undefined,
    ...overrides,
  });
}

function token(
  payload: JWTPayload = claims,
  key: Uint8Array = secret,
  expires: string | number = '1h',
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expires).sign(key);
}

describe('TokenVerifier with a shared secret', () => {
  test.each([962302, '962302', 'company_962302'])('salon_id %j is the company', async (salonId) => {
    const identity = await verifier().verify(await token({ ...claims, salon_id: salonId }));
    expect(identity.companyId).toBe('company_962302');
    expect(identity.expiresAtMs).toBeGreaterThan(Date.now());
  });

  test('the previous secret is accepted while it is configured', async () => {
    await expect(verifier().verify(await token(claims, previous))).resolves.toMatchObject({
      companyId: 'company_962302',
    });
    const rotated = verifier({ keys: { kind: 'secrets', secrets: [secret] } });
    await expect(rotated.verify(await token(claims, previous))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('the digest of a token is stable and does not contain it', async () => {
    const text = await token();
    const [first, second] = [await verifier().verify(text), await verifier().verify(text)];
    expect(first.tokenKey).toBe(second.tokenKey);
    expect(text).not.toContain(first.tokenKey);
  });

  test.each([undefined, ''])('no token (%j) has a code of its own', async (none) => {
    await expect(verifier().verify(none)).rejects.toMatchObject({ code: 'TOKEN_MISSING' });
  });

  test('alg none is refused', async () => {
    const forged = new UnsecuredJWT(claims).setExpirationTime('1h').encode();
    await expect(verifier().verify(forged)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('another secret is refused', async () => {
    const forged = await token(claims, Buffer.from('some other secret of sufficient length'));
    await expect(verifier().verify(forged)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test.each(['HS384', 'HS512'])('%s is refused although the secret is right', async (alg) => {
    const other = await new SignJWT(claims)
      .setProtectedHeader({ alg })
      .setExpirationTime('1h')
      .sign(Buffer.alloc(64, 1));
    const keys = { kind: 'secrets', secrets: [Buffer.alloc(64, 1)] } as const;
    await expect(verifier({ keys }).verify(other)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('a token whose payload was changed is refused', async () => {
    const [header, , signature] = (await token()).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims, salon_id: 1, exp: 9_999_999_999 })).toString('base64url');
    await expect(verifier().verify(`${header}.${payload}.${signature}`)).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    });
  });

  test('an expired token says so', async () => {
    const old = await token(claims, secret, Math.floor(Date.now() / 1000) - 1);
    await expect(verifier().verify(old)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
    const oldByPrevious = await token(claims, previous, Math.floor(Date.now() / 1000) - 1);
    await expect(verifier().verify(oldByPrevious)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
  });

  test('a token that never expires is refused', async () => {
    const eternal = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    await expect(verifier().verify(eternal)).rejects.toMatchObject({ code: 'TOKEN_CLAIMS' });
  });

  test.each([
    { company_id: 17 },
    { salon_id: 962302 },
    { ...claims, salon_id: 2 ** 53 },
    { ...claims, salon_id: 1.5 },
    { ...claims, salon_id: '*' },
    { ...claims, salon_id: '962302 x' },
    { ...claims, salon_id: ['962302'] },
    { ...claims, salon_id: null },
    { ...claims, company_id: '' },
    { ...claims, company_id: 2 ** 53 },
    { ...claims, company_id: { id: 1 } },
  ])('the claims %j are refused', async (payload) => {
    await expect(verifier().verify(await token(payload))).rejects.toMatchObject({ code: 'TOKEN_CLAIMS' });
  });

  test('issuer and audience are checked when configured', async () => {
    const strict = verifier({ issuer: 'https://issuer.example', audience: 'onboarding' });
    const good = { ...claims, iss: 'https://issuer.example', aud: 'onboarding' };
    await expect(strict.verify(await token(good))).resolves.toBeDefined();
    for (const bad of [claims, { ...good, iss: 'https://other.example' }, { ...good, aud: 'admin' }]) {
      await expect(strict.verify(await token(bad))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    }
  });

  test.each(['x', 'a.b.c', '..', 'null', 'Bearer abc', '\0', 'x'.repeat(20_000)])('%.20j is no token', async (text) => {
    await expect(verifier().verify(text)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });
});

describe('TokenVerifier with a key set', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  async function serveKeys(status: number, body: unknown): Promise<URL> {
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    closing.push(() => new Promise((resolve) => server.close(() => resolve())));
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
  }

  test('accepts a token signed by the issuer and refuses one signed with a published key as secret', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
    const jwks = verifier({ keys: { kind: 'jwks', url: await serveKeys(200, { keys: [jwk] }) } });
    const sign = (alg: string) => new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).setExpirationTime('1h');
    await expect(jwks.verify(await sign('ES256').sign(privateKey))).resolves.toMatchObject({
      companyId: 'company_962302',
    });
    await expect(jwks.verify(await sign('HS256').sign(Buffer.from(JSON.stringify(jwk))))).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    });
  });

  test('an issuer that cannot be reached is not the fault of the token', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const signed = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1h')
      .sign(privateKey);
    const failing = verifier({ keys: { kind: 'jwks', url: await serveKeys(500, {}) } });
    await expect(failing.verify(signed)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    const absent = verifier({ keys: { kind: 'jwks', url: new URL('http://127.0.0.1:1/') } });
    await expect(absent.verify(signed)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' });
  });
});

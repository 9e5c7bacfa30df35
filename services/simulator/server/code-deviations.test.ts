import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { BinaryNode } from '@whiskeysockets/baileys';
import { Curve, derivePairingCodeKey } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANNA, SimulatedWhatsApp } from '../../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { WireClient, createRegistration, x25519, type KeyPair } from '../../../test/harness/wire-client.ts';
import { bytesOf, childOf } from '../protocol/node.ts';

const CODE = 'ABCD1234';
const TAG = 'link_code_companion_reg';

let whatsApp: SimulatedWhatsApp;

beforeEach(async () => {
  whatsApp = await SimulatedWhatsApp.start({ linkTimeoutMs: 2_000 });
});

afterEach(async () => {
  await whatsApp[Symbol.asyncDispose]();
});

interface Companion {
  readonly client: WireClient;
  readonly identity: KeyPair;
  readonly ephemeral: KeyPair;
}

async function companion(): Promise<Companion> {
  const client = await WireClient.open(whatsApp.simulator.url);
  const { identity, payload } = createRegistration();
  await client.handshake({ payload });
  await client.receive();
  return { client, identity, ephemeral: Curve.generateKeyPair() };
}

function query(stage: string, fields: Record<string, Uint8Array | string>, jid = `${ANNA}@s.whatsapp.net`): BinaryNode {
  const content = Object.entries(fields).map(([tag, value]) => ({ tag, attrs: {}, content: value }));
  const attrs = { to: '@s.whatsapp.net', type: 'set', xmlns: 'md', id: stage };
  return { tag: 'iq', attrs, content: [{ tag: TAG, attrs: { jid, stage }, content }] };
}

async function wrapped({ ephemeral }: Companion): Promise<Buffer> {
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const cipher = createCipheriv('aes-256-ctr', await derivePairingCodeKey(CODE, salt), iv);
  return Buffer.concat([salt, iv, cipher.update(ephemeral.public)]);
}

async function helloFields(from: Companion): Promise<Record<string, Uint8Array | string>> {
  return {
    link_code_pairing_wrapped_companion_ephemeral_pub: await wrapped(from),
    companion_server_auth_key_pub: from.client.noiseKey.public,
    companion_platform_id: '1',
    companion_platform_display: 'Chrome (Test)',
    link_code_pairing_nonce: '0',
  };
}

/** A hello that the server took, and the code typed on the phone: answers the phone's message and how the typing ends. */
async function typed(from: Companion): Promise<{ hello: BinaryNode | undefined; typing: Promise<unknown> }> {
  await from.client.send(query('companion_hello', await helloFields(from)));
  expect(await from.client.receive()).toMatchObject({ attrs: { type: 'result', id: 'companion_hello' } });
  const typing = whatsApp.simulator.phones.enterCode(ANNA, CODE).then(
    () => 'linked',
    (error: { code: string }) => error.code,
  );
  const notification = await from.client.receive();
  expect(notification).toMatchObject({ tag: 'notification', attrs: { type: TAG } });
  return { hello: childOf(notification, TAG), typing };
}

/** The companion's answer as WhatsApp's clients make it, but for what `change` does to the plaintext of its bundle. */
async function finishFields(
  { identity, ephemeral }: Companion,
  hello: BinaryNode | undefined,
  change: (bundle: Buffer) => Buffer = (bundle) => bundle,
): Promise<Record<string, Uint8Array | string>> {
  const of = (tag: string) => bytesOf(childOf(hello, tag)) ?? Buffer.alloc(0);
  const primary = of('link_code_pairing_wrapped_primary_ephemeral_pub');
  const decipher = createCipheriv(
    'aes-256-ctr',
    await derivePairingCodeKey(CODE, primary.subarray(0, 32)),
    primary.subarray(32, 48),
  );
  const secret = await x25519(ephemeral, decipher.update(primary.subarray(48)));
  const [salt, iv] = [randomBytes(32), randomBytes(12)];
  const info = 'link_code_pairing_key_bundle_encryption_key';
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(hkdfSync('sha256', secret, salt, info, 32)), iv);
  const bundle = change(Buffer.concat([identity.public, of('primary_identity_pub'), randomBytes(32)]));
  return {
    link_code_pairing_wrapped_key_bundle: Buffer.concat([
      salt,
      iv,
      cipher.update(bundle),
      cipher.final(),
      cipher.getAuthTag(),
    ]),
    companion_identity_public: identity.public,
    link_code_pairing_ref: of('link_code_pairing_ref'),
  };
}

async function expectRejected(): Promise<void> {
  const counts = await waitFor(
    async () => {
      const current = (await whatsApp.rejections()) as Record<string, number>;
      return Object.keys(current).length > 0 && current;
    },
    { what: 'a rejection' },
  );
  expect(counts).toEqual({ PAIRING_INVALID: 1 });
  expect(whatsApp.simulator.phones.devices()).toEqual([]);
}

describe('a client that wants a code is refused', () => {
  test.each([
    ['a wrapped key of 79 bytes', { link_code_pairing_wrapped_companion_ephemeral_pub: Buffer.alloc(79) }],
    ['another noise key', { companion_server_auth_key_pub: Buffer.alloc(32, 1) }],
    ['no name', { companion_platform_display: '' }],
  ])('with %s', async (_what, change) => {
    const from = await companion();
    await from.client.send(query('companion_hello', { ...(await helloFields(from)), ...change }));
    expect(await from.client.receive()).toMatchObject({ tag: 'stream:error', attrs: { code: '500' } });
    await expectRejected();
  });

  test.each(['', 'nobody@s.whatsapp.net', '100000000000001@lid', '120363000000000000@g.us'])(
    'for the address %j',
    async (jid) => {
      const from = await companion();
      await from.client.send(query('companion_hello', await helloFields(from), jid));
      expect(await from.client.receive()).toMatchObject({ tag: 'stream:error' });
      await expectRejected();
    },
  );
});

describe('a client whose code was typed is refused', () => {
  test('when its answer names another identity than its registration', async () => {
    const from = await companion();
    const { hello, typing } = await typed(from);
    const fields = { ...(await finishFields(from, hello)), companion_identity_public: Buffer.alloc(32, 1) };
    await from.client.send(query('companion_finish', fields));
    expect(await typing).toBe('LINK_REFUSED');
    await expectRejected();
  });

  test.each([
    ['another identity of its own', 0],
    ['another identity of the phone', 32],
  ])('when its bundle names %s', async (_what, offset) => {
    const from = await companion();
    const { hello, typing } = await typed(from);
    const flip = (bundle: Buffer) => {
      bundle[offset] = (bundle[offset] ?? 0) ^ 1;
      return bundle;
    };
    await from.client.send(query('companion_finish', await finishFields(from, hello, flip)));
    expect(await typing).toBe('LINK_REFUSED');
    await expectRejected();
  });

  test('when its bundle is not three keys', async () => {
    const from = await companion();
    const { hello, typing } = await typed(from);
    const fields = await finishFields(from, hello, (bundle) => bundle.subarray(1));
    await from.client.send(query('companion_finish', fields));
    expect(await typing).toBe('LINK_REFUSED');
    await expectRejected();
  });

  test('when it answers for another request', async () => {
    const from = await companion();
    const { hello, typing } = await typed(from);
    const fields = { ...(await finishFields(from, hello)), link_code_pairing_ref: randomBytes(32) };
    await from.client.send(query('companion_finish', fields));
    expect(await typing).toBe('CODE_EXPIRED');
  });

  test('when it does not answer in time', async () => {
    await whatsApp.restart({ linkTimeoutMs: 50 });
    const { typing } = await typed(await companion());
    expect(await typing).toBe('LINK_TIMEOUT');
  });

  test('when it leaves in place of an answer', async () => {
    const from = await companion();
    const { typing } = await typed(from);
    from.client[Symbol.dispose]();
    expect(await typing).toBe('LINK_REFUSED');
  });
});

test('a bundle of the right keys is taken, and the link is offered', async () => {
  const from = await companion();
  const { hello, typing } = await typed(from);
  await from.client.send(query('companion_finish', await finishFields(from, hello)));
  expect(await from.client.receive()).toMatchObject({ attrs: { type: 'result', id: 'companion_finish' } });
  expect(await from.client.receive()).toMatchObject({ tag: 'iq', content: [{ tag: 'pair-success' }] });
  from.client[Symbol.dispose]();
  expect(await typing).toBe('LINK_REFUSED');
});

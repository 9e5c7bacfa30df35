import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { proto, type BinaryNode } from '@whiskeysockets/baileys';
import { Curve } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { INTRO, WireClient, createRegistration, frame, type KeyPair } from '../../../test/harness/wire-client.ts';
import { bytesOf, childOf } from '../protocol/node.ts';
import { startSimulator, type Simulator, type SimulatorOptions } from '../service.ts';

const PING = { tag: 'iq', attrs: { type: 'get', xmlns: 'w:p', id: '1' }, content: [{ tag: 'ping', attrs: {} }] };

let dataDir: string;
let simulator: Simulator;
let log: { level: number; code?: string; msg: string }[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
  await start();
});

afterEach(async () => {
  await simulator.stop();
  await rm(dataDir, { recursive: true });
});

async function start(options: Partial<SimulatorOptions> = {}): Promise<void> {
  log = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line) as never) });
  simulator = await startSimulator({ port: 0, dataDir, logger, maxFrameBytes: 64 * 1024, ...options });
}

async function restart(options: Partial<SimulatorOptions>): Promise<void> {
  await simulator.stop();
  await start(options);
}

/** Exactly one client was refused, for this, and said so in exactly one log line. */
async function expectRejection(code: string): Promise<void> {
  const counts = await waitFor(
    async () => {
      const current = (await (await fetch(`${simulator.httpUrl}/rejections`)).json()) as Record<string, number>;
      return Object.keys(current).length > 0 && current;
    },
    { what: 'a rejection' },
  );
  expect(counts).toEqual({ [code]: 1 });
  expect(log.filter(({ level }) => level >= 40)).toMatchObject([{ code, msg: 'client refused' }]);
}

async function registered(): Promise<{ client: WireClient; identity: KeyPair; pairDevice: BinaryNode }> {
  const client = await WireClient.open(simulator.url);
  const { identity, payload } = createRegistration();
  await client.handshake({ payload });
  return { client, identity, pairDevice: await client.receive() };
}

/** A linked device, logged in, before its first query. */
async function loggedIn(): Promise<{ client: WireClient; identity: KeyPair }> {
  const { client, identity, pairDevice } = await registered();
  const scanning = simulator.phones.scan('79990000001', client.qrOf(pairDevice, identity, Buffer.alloc(32, 7)));
  const pairSuccess = await client.receive();
  await client.send(signedAnswer(pairSuccess, identity));
  await scanning;
  const back = await WireClient.open(simulator.url, client.noiseKey);
  await back.handshake({ payload: { username: 79990000001, device: 1 } });
  expect(await back.receive()).toMatchObject({ tag: 'success' });
  return { client: back, identity };
}

/** The companion's answer to pair-success, as WhatsApp's clients make it. */
function signedAnswer(query: BinaryNode, identity: KeyPair, prefix = Buffer.from([6, 1])): BinaryNode {
  const deviceIdentity = childOf(childOf(query, 'pair-success'), 'device-identity');
  const outer = proto.ADVSignedDeviceIdentityHMAC.decode(bytesOf(deviceIdentity) ?? Buffer.alloc(0));
  const account = proto.ADVSignedDeviceIdentity.decode(outer.details ?? Buffer.alloc(0));
  const details = account.details ?? Buffer.alloc(0);
  const message = Buffer.concat([prefix, details, identity.public, account.accountSignatureKey ?? Buffer.alloc(0)]);
  const answer = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignature: account.accountSignature ?? null,
    deviceSignature: Curve.sign(identity.private, message),
  }).finish();
  const content = [{ tag: 'device-identity', attrs: { 'key-index': '1' }, content: answer }];
  return {
    tag: 'iq',
    attrs: { to: '@s.whatsapp.net', type: 'result', id: query.attrs['id'] ?? '' },
    content: [{ tag: 'pair-device-sign', attrs: {}, content }],
  };
}

function upload(identity: Uint8Array, signer: KeyPair): BinaryNode {
  const key = Curve.generateKeyPair().public;
  const leaf = (tag: string, content: Uint8Array) => ({ tag, attrs: {}, content });
  const id = leaf('id', Buffer.from('000001', 'hex'));
  const signature = Curve.sign(signer.private, Buffer.concat([Buffer.from([5]), key]));
  return {
    tag: 'iq',
    attrs: { type: 'set', xmlns: 'encrypt', id: '2' },
    content: [
      leaf('registration', Buffer.from('00000539', 'hex')),
      leaf('type', Buffer.from([5])),
      leaf('identity', identity),
      { tag: 'list', attrs: {}, content: [{ tag: 'key', attrs: {}, content: [id, leaf('value', key)] }] },
      { tag: 'skey', attrs: {}, content: [id, leaf('value', key), leaf('signature', signature)] },
    ],
  };
}

describe('on the line, a client is refused', () => {
  test.each([
    ['other first bytes', 'INTRO_INVALID', Buffer.from('574106020000', 'hex')],
    ['an empty frame', 'FRAME_SIZE_INVALID', Buffer.concat([INTRO, Buffer.from('000000', 'hex')])],
    ['a frame above the limit', 'FRAME_SIZE_INVALID', Buffer.concat([INTRO, Buffer.from('ffffff', 'hex')])],
    ['a WebSocket message above the limit', 'WEBSOCKET_INVALID', Buffer.alloc(64 * 1024 + 1)],
    ['a text', 'INTRO_INVALID', 'GET / HTTP/1.1'],
    ['something other than a handshake message', 'HANDSHAKE_INVALID', Buffer.concat([INTRO, frame(INTRO)])],
    [
      'an ephemeral key of low order',
      'HANDSHAKE_INVALID',
      Buffer.concat([
        INTRO,
        frame(proto.HandshakeMessage.encode({ clientHello: { ephemeral: Buffer.alloc(32) } }).finish()),
      ]),
    ],
  ])('for %s: %s', async (_what, code, bytes) => {
    using client = await WireClient.open(simulator.url);
    client.sendRaw(bytes);
    await client.closed();
    await expectRejection(code);
  });

  test('for staying silent', async () => {
    await restart({ handshakeTimeoutMs: 20 });
    using client = await WireClient.open(simulator.url);
    await client.closed();
    await expectRejection('HANDSHAKE_TIMEOUT');
  });

  test.each(['static', 'payload'] as const)('for one flipped bit in the %s of its last message', async (part) => {
    using client = await WireClient.open(simulator.url);
    await client.handshake({
      payload: createRegistration().payload,
      damage: (finish) => void (finish[part][0] = (finish[part][0] ?? 0) ^ 1),
    });
    expect(await client.closed()).toBe(1002);
    await expectRejection('MAC_INVALID');
  });

  test('for one flipped bit in a stanza', async () => {
    const { client } = await registered();
    await client.send(PING, { damage: (sealed) => void (sealed[0] = (sealed[0] ?? 0) ^ 1) });
    await client.closed();
    await expectRejection('MAC_INVALID');
  });

  test('for a counter that it used before', async () => {
    const { client } = await registered();
    await client.send(PING);
    await client.receive();
    await client.send(PING, { counter: 0 });
    await client.closed();
    await expectRejection('NONCE_REUSED');
  });

  test('for a counter that it skipped', async () => {
    const { client } = await registered();
    await client.send(PING, { counter: 1 });
    await client.closed();
    await expectRejection('MAC_INVALID');
  });

  test('for bytes that are no stanza', async () => {
    const { client } = await registered();
    await client.send(Buffer.from('00f8ff', 'hex'));
    expect(await client.receive()).toMatchObject({ tag: 'stream:error', attrs: { code: '500' } });
    await expectRejection('STANZA_INVALID');
  });

  test('but not for leaving in the middle of anything', async () => {
    for (const bytes of [Buffer.alloc(0), INTRO, Buffer.concat([INTRO, Buffer.from('0000', 'hex')])]) {
      using client = await WireClient.open(simulator.url);
      client.sendRaw(bytes);
    }
    const { client } = await registered();
    client[Symbol.dispose]();
    const { client: next } = await registered();
    next[Symbol.dispose]();
    await simulator.stop();
    expect(log.filter(({ level }) => level >= 40)).toEqual([]);
  });
});

describe('an upgrade is refused', () => {
  const REQUEST = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  const KEY = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

  async function upgrade(target: string): Promise<string> {
    const socket = connect(simulator.port, '127.0.0.1');
    socket.write(`GET ${target} HTTP/1.1\r\n${REQUEST}${KEY}\r\n`);
    return textOf(socket);
  }

  test.each(['//', '//:80/ws/chat', '/ws/chat/more', '/%', '/ws/chat?scenario=%'])(
    'for the target %s, and the server goes on',
    async (target) => {
      expect(await upgrade(target)).toMatch(/^HTTP\/1.1 400 /);
      using client = await WireClient.open(simulator.url);
      client.sendRaw(INTRO);
    },
  );

  test('also to a client that is gone before it hears it', async () => {
    for (let count = 0; count < 20; count += 1) {
      const socket = connect(simulator.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`GET /ws/chat?scenario=refused HTTP/1.1\r\n${REQUEST}${KEY}\r\n`);
      socket.resetAndDestroy();
    }
    using client = await WireClient.open(simulator.url);
    client.sendRaw(INTRO);
    expect(log.filter(({ level }) => level >= 40)).toEqual([]);
  });
});

describe('a registration is refused', () => {
  test('when the identity did not sign the prekey', async () => {
    using client = await WireClient.open(simulator.url);
    const foreign = createRegistration().payload.devicePairingData?.eSkeySig;
    await client.handshake({ payload: createRegistration({ eSkeySig: foreign ?? null }).payload });
    expect(await client.receive()).toMatchObject({ tag: 'failure', attrs: { reason: '400' } });
    await expectRejection('PREKEY_SIGNATURE_INVALID');
  });

  test.each([
    ['no identity', { eIdent: null }],
    ['a short identity', { eIdent: Buffer.alloc(31) }],
    ['another key type', { eKeytype: Buffer.from([6]) }],
    ['no device properties', { deviceProps: null }],
  ])('with %s', async (_what, change) => {
    using client = await WireClient.open(simulator.url);
    await client.handshake({ payload: createRegistration(change).payload });
    expect(await client.receive()).toMatchObject({ tag: 'failure', attrs: { reason: '400' } });
    await expectRejection('PAYLOAD_INVALID');
  });
});

describe('a link is refused', () => {
  test('when the device signature is over the wrong prefix', async () => {
    const { client, identity, pairDevice } = await registered();
    const scanning = simulator.phones.scan('79990000001', client.qrOf(pairDevice, identity));
    const refusal = scanning.catch((error: unknown) => error);
    await client.send(signedAnswer(await client.receive(), identity, Buffer.from([6, 0])));
    expect(await refusal).toMatchObject({ code: 'LINK_REFUSED' });
    expect(await client.receive()).toMatchObject({ tag: 'stream:error', attrs: { code: '500' } });
    expect(simulator.phones.devices()).toEqual([]);
    await expectRejection('DEVICE_SIGNATURE_INVALID');
  });

  test('when another identity signed', async () => {
    const { client, identity, pairDevice } = await registered();
    const scanning = simulator.phones.scan('79990000001', client.qrOf(pairDevice, identity));
    const refusal = scanning.catch((error: unknown) => error);
    const thief = { public: identity.public, private: Curve.generateKeyPair().private };
    await client.send(signedAnswer(await client.receive(), thief));
    expect(await refusal).toMatchObject({ code: 'LINK_REFUSED' });
    await expectRejection('DEVICE_SIGNATURE_INVALID');
  });

  test('when the client does not answer in time', async () => {
    await restart({ linkTimeoutMs: 20 });
    const { client, identity, pairDevice } = await registered();
    const scanning = simulator.phones.scan('79990000001', client.qrOf(pairDevice, identity));
    await expect(scanning).rejects.toMatchObject({ code: 'LINK_TIMEOUT' });
    await client.closed();
    expect(simulator.phones.devices()).toEqual([]);
  });
});

describe('an upload of prekeys is answered with error 406', () => {
  test('when the identity did not sign the prekey', async () => {
    const { client, identity } = await loggedIn();
    await client.send(upload(identity.public, Curve.generateKeyPair()));
    const answer = await client.receive();
    expect(answer).toMatchObject({ attrs: { type: 'error', id: '2' }, content: [{ attrs: { code: '406' } }] });
    await expectRejection('PREKEY_SIGNATURE_INVALID');
    await client.send(upload(identity.public, identity));
    expect(await client.receive()).toMatchObject({ attrs: { type: 'result', id: '2' } });
  });

  test('when it names another identity', async () => {
    const { client } = await loggedIn();
    const other = Curve.generateKeyPair();
    await client.send(upload(other.public, other));
    expect(await client.receive()).toMatchObject({ content: [{ attrs: { code: '406' } }] });
    await expectRejection('PREKEYS_INVALID');
  });
});

test('no log line holds a key, a QR or a whole phone number', async () => {
  const { client, identity } = await loggedIn();
  const text = JSON.stringify(log);
  expect(text).toContain('device logged in');
  expect(text).not.toContain('79990000001');
  expect(text).not.toContain(Buffer.from(identity.public).toString('base64'));
  expect(text).not.toContain(Buffer.from(client.noiseKey.public).toString('base64'));
  expect(text).not.toContain(Buffer.alloc(32, 7).toString('base64'));
});

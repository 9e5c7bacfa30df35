import { proto } from '@whiskeysockets/baileys';
import { describe, expect, test } from 'vitest';
import { NoiseInitiator, x25519 } from '../../../test/harness/wire-client.ts';
import { NoiseResponder } from './noise-responder.ts';
import { NoiseTransport } from './noise-transport.ts';
import { SymmetricState } from './symmetric-state.ts';
import { sharedSecret, toKeyPair, type KeyPair } from './x25519.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** The keys of the published vector for Noise_XX_25519_AESGCM_SHA256 (cacophony, also used by snow). */
const INITIATOR_STATIC = toKeyPair(hex('e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1'));
const INITIATOR_EPHEMERAL = toKeyPair(hex('893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a'));
const RESPONDER_STATIC = toKeyPair(hex('4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893'));
const RESPONDER_EPHEMERAL = toKeyPair(hex('bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b'));

test('X25519 is that of RFC 7748, 6.1', () => {
  const alice = toKeyPair(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
  const bob = toKeyPair(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
  const shared = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
  expect(alice.publicKey).toEqual(hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'));
  expect(sharedSecret(alice.privateKey, bob.publicKey)).toEqual(shared);
  expect(sharedSecret(bob.privateKey, alice.publicKey)).toEqual(shared);
});

test.each([
  ['31 bytes', Buffer.alloc(31, 9)],
  ['the point of order one', Buffer.alloc(32)],
])('a public key of %s is refused', (_what, key) => {
  expect(() => sharedSecret(RESPONDER_STATIC.privateKey, key)).toThrowError(
    expect.objectContaining({ code: 'HANDSHAKE_INVALID' }),
  );
});

test('the responder state follows the published vector, message by message', () => {
  const state = new SymmetricState();
  state.mixHash(hex('4a6f686e2047616c74'));
  // → e, payload
  state.mixHash(INITIATOR_EPHEMERAL.publicKey);
  const greeting = state.decryptAndHash(hex('4c756477696720766f6e204d69736573'));
  expect(greeting.toString()).toBe('Ludwig von Mises');
  // ← e, ee, s, es, payload
  state.mixHash(RESPONDER_EPHEMERAL.publicKey);
  state.mixKey(sharedSecret(RESPONDER_EPHEMERAL.privateKey, INITIATOR_EPHEMERAL.publicKey));
  const staticKey = state.encryptAndHash(RESPONDER_STATIC.publicKey);
  state.mixKey(sharedSecret(RESPONDER_STATIC.privateKey, INITIATOR_EPHEMERAL.publicKey));
  const payload = state.encryptAndHash(Buffer.from('Murray Rothbard'));
  expect(Buffer.concat([RESPONDER_EPHEMERAL.publicKey, staticKey, payload])).toEqual(
    hex(`95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843
      757117acceb05bd7a45733bc22015c97a9d0cbaf41b80446d5988ff5127235d76b79eade70f473d6a4ef521fdcbeda53
      40d01e028ba793fc059f2724a83af05f12dda0448a7621a926b379a92477fd`),
  );
  // → s, se, payload
  const clientStatic = state.decryptAndHash(
    hex('c90f1cf77eba4e50edb038991565e36c9758943a989229b6051244dc4fbecb6946744b401af2ee1a5881b65fbb87fd07'),
  );
  expect(clientStatic).toEqual(INITIATOR_STATIC.publicKey);
  state.mixKey(sharedSecret(RESPONDER_EPHEMERAL.privateKey, clientStatic));
  const last = state.decryptAndHash(hex('cb6a328ececc9ce6ce84c399dc332d4fd521fa4bb7f467ce909395'));
  expect(last.toString()).toBe('F. A. Hayek');
  expect(state.handshakeHash).toEqual(hex('1b7aefb1125762aa21a252890d00af54519638b76437444538f9a52f21e2e0dc'));
  // transport, both ways
  const [read, write] = state.split();
  const transport = new NoiseTransport(read, write);
  expect(transport.encrypt(Buffer.from('Carl Menger'))).toEqual(
    hex('bc3fa77f6aca3e8466d7dc6bea10013e88a6a29add5132b461806c'),
  );
  expect(transport.decrypt(hex('250b01074cdfe0df2ecf8ccbf1737b15a2ddb5b52fd9a396604e9c793cee3b3bb9')).toString()).toBe(
    'Jean-Baptiste Say',
  );
});

describe('the handshake with an independent client', () => {
  const identity = { staticKey: RESPONDER_STATIC, certificateChain: Buffer.from('certificates') };
  const asPair = ({ publicKey, privateKey }: KeyPair) => ({ public: publicKey, private: privateKey });

  async function shake(damage: (bytes: { static: Buffer; payload: Buffer }) => void = () => undefined) {
    const responder = new NoiseResponder(identity);
    const client = new NoiseInitiator();
    await client.mixHash(hex('57410603'));
    await client.mixHash(INITIATOR_EPHEMERAL.publicKey);
    const hello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: INITIATOR_EPHEMERAL.publicKey } }).finish();
    const answer = proto.HandshakeMessage.decode(responder.answerClientHello(Buffer.from(hello))).serverHello;
    const ephemeral = answer?.ephemeral ?? Buffer.alloc(0);
    await client.mixHash(ephemeral);
    await client.mixKey(await x25519(asPair(INITIATOR_EPHEMERAL), ephemeral));
    expect(await client.decrypt(answer?.static ?? Buffer.alloc(0))).toEqual(RESPONDER_STATIC.publicKey);
    await client.mixKey(await x25519(asPair(INITIATOR_EPHEMERAL), RESPONDER_STATIC.publicKey));
    expect((await client.decrypt(answer?.payload ?? Buffer.alloc(0))).toString()).toBe('certificates');
    const finish: { static: Buffer; payload: Buffer } = {
      static: await client.encrypt(INITIATOR_STATIC.publicKey),
      payload: Buffer.alloc(0),
    };
    await client.mixKey(await x25519(asPair(INITIATOR_STATIC), ephemeral));
    finish.payload = await client.encrypt(Buffer.from('payload'));
    damage(finish);
    const frame = Buffer.from(proto.HandshakeMessage.encode({ clientFinish: finish }).finish());
    return { finished: responder.readClientFinish(frame), keys: await client.split() };
  }

  test('agrees on the client key, the payload and both transport keys', async () => {
    const { finished, keys } = await shake();
    expect(finished.clientStaticKey).toEqual(INITIATOR_STATIC.publicKey);
    expect(finished.payload.toString()).toBe('payload');
    const mirror = new NoiseTransport(keys[1], keys[0]);
    expect(finished.transport.decrypt(mirror.encrypt(Buffer.from('up'))).toString()).toBe('up');
    expect(mirror.decrypt(finished.transport.encrypt(Buffer.from('down'))).toString()).toBe('down');
  });

  test.each([
    ['the sealed static key', (finish: { static: Buffer }) => void finish.static.writeUInt8(1, 0)],
    [
      'the tag of the payload',
      (finish: { payload: Buffer }) => void finish.payload.writeUInt8(finish.payload.readUInt8(20) ^ 1, 20),
    ],
    ['a payload shorter than a tag', (finish: { payload: Buffer }) => void (finish.payload = Buffer.alloc(3))],
  ])('is refused when %s is damaged', async (_what, damage) => {
    await expect(shake(damage)).rejects.toMatchObject({ code: 'MAC_INVALID' });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no protobuf', hex('ffffffff')],
    ['a client finish', Buffer.from(proto.HandshakeMessage.encode({ clientFinish: {} }).finish())],
  ])('is refused when it starts with %s', (_what, frame) => {
    expect(() => new NoiseResponder(identity).answerClientHello(frame)).toThrowError(
      expect.objectContaining({ code: 'HANDSHAKE_INVALID' }),
    );
  });
});

describe('the transport', () => {
  const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

  test('never seals two frames with one counter', () => {
    const transport = new NoiseTransport(a, b);
    expect(transport.encrypt(Buffer.from('x'))).not.toEqual(transport.encrypt(Buffer.from('x')));
  });

  test('tells a replayed frame from a damaged one', () => {
    const [server, client] = [new NoiseTransport(a, b), new NoiseTransport(b, a)];
    const frame = client.encrypt(Buffer.from('x'));
    server.decrypt(frame);
    expect(() => server.decrypt(frame)).toThrowError(expect.objectContaining({ code: 'NONCE_REUSED' }));
    frame.writeUInt8((frame[0] ?? 0) ^ 0x80, 0);
    expect(() => server.decrypt(frame)).toThrowError(expect.objectContaining({ code: 'MAC_INVALID' }));
  });

  test('refuses a frame that overtook another, and still takes the right one', () => {
    const [server, client] = [new NoiseTransport(a, b), new NoiseTransport(b, a)];
    const [first, second] = [client.encrypt(Buffer.from('1')), client.encrypt(Buffer.from('2'))];
    expect(() => server.decrypt(second)).toThrowError(expect.objectContaining({ code: 'MAC_INVALID' }));
    expect(server.decrypt(first).toString()).toBe('1');
  });
});

import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { guardConsole } from '../../whatsapp/session/console-guard.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { generateKeyPair, toKeyPair, type KeyPair } from '../protocol/x25519.ts';
import { sign } from '../protocol/xeddsa.ts';
import { readMessage, readOpening } from './message-codec.ts';
import { PhoneSignal } from './phone-signal.ts';
import type { Bundle, Sealed } from './signal-session.ts';

const baileysRequire = createRequire(import.meta.resolve('@whiskeysockets/baileys'));
interface LibsignalKey {
  readonly privKey: Buffer;
  readonly pubKey: Buffer;
}

/** What libsignal asks of whoever uses it. */
interface Storage {
  loadSession(): Promise<unknown>;
  storeSession(id: string, session: unknown): Promise<void>;
  isTrustedIdentity(): boolean;
  loadPreKey(id: number): Promise<LibsignalKey | undefined>;
  removePreKey(id: number): void;
  loadSignedPreKey(): LibsignalKey;
  getOurRegistrationId(): number;
  getOurIdentity(): LibsignalKey;
}

interface Cipher {
  encrypt(data: Buffer): Promise<{ readonly type: number; readonly body: string }>;
  decryptPreKeyWhisperMessage(bytes: Buffer): Promise<Buffer>;
  decryptWhisperMessage(bytes: Buffer): Promise<Buffer>;
}

const libsignal = baileysRequire('libsignal') as {
  ProtocolAddress: new (name: string, device: number) => object;
  SessionBuilder: new (storage: Storage, address: object) => { initOutgoing(bundle: object): Promise<void> };
  SessionCipher: new (storage: Storage, address: object) => Cipher;
};

// libsignal prints whole sessions.
guardConsole();

const JID = '79990000001:1@s.whatsapp.net';

const typed = (key: Buffer) => Buffer.concat([Buffer.from([5]), key]);
const toLibsignal = ({ privateKey, publicKey }: KeyPair) => ({ privKey: privateKey, pubKey: typed(publicKey) });

/** The other side: libsignal 6.0, as Baileys uses it. */
class LibsignalDevice {
  readonly identity = generateKeyPair();
  readonly #signedPreKey = generateKeyPair();
  readonly #preKeys = new Map([[7, generateKeyPair()]]);
  #session: unknown;

  bundle(withPreKey = true): Bundle {
    const { publicKey: key } = this.#signedPreKey;
    const preKey = this.#preKeys.get(7);
    return {
      registrationId: 42,
      identityKey: this.identity.publicKey,
      signedPreKey: { id: 3, key, signature: sign(this.identity.privateKey, typed(key)) },
      preKey: withPreKey && preKey ? { id: 7, key: preKey.publicKey } : undefined,
    };
  }

  async startWith({ registrationId, identityKey, signedPreKey, preKey }: Bundle): Promise<void> {
    await new libsignal.SessionBuilder(this.#storage(), this.#address()).initOutgoing({
      registrationId,
      identityKey: typed(identityKey),
      signedPreKey: { keyId: signedPreKey.id, publicKey: typed(signedPreKey.key), signature: signedPreKey.signature },
      ...(preKey && { preKey: { keyId: preKey.id, publicKey: typed(preKey.key) } }),
    });
  }

  async encrypt(text: string): Promise<Sealed> {
    const { type, body } = await this.#cipher().encrypt(Buffer.from(text));
    return { type: type === 3 ? 'pkmsg' : 'msg', bytes: Buffer.from(body, 'binary') };
  }

  async decrypt({ type, bytes }: Sealed): Promise<string> {
    const cipher = this.#cipher();
    const plaintext =
      type === 'pkmsg' ? cipher.decryptPreKeyWhisperMessage(bytes) : cipher.decryptWhisperMessage(bytes);
    return (await plaintext).toString();
  }

  #cipher(): Cipher {
    return new libsignal.SessionCipher(this.#storage(), this.#address());
  }

  #address(): object {
    return new libsignal.ProtocolAddress('phone', 0);
  }

  #storage(): Storage {
    return {
      loadSession: () => Promise.resolve(this.#session),
      storeSession: (_id, session) => {
        this.#session = session;
        return Promise.resolve();
      },
      isTrustedIdentity: () => true,
      loadPreKey: (id) => {
        const key = this.#preKeys.get(id);
        return Promise.resolve(key && toLibsignal(key));
      },
      removePreKey: (id) => void this.#preKeys.delete(id),
      loadSignedPreKey: () => toLibsignal(this.#signedPreKey),
      getOurRegistrationId: () => 42,
      getOurIdentity: () => toLibsignal(this.identity),
    };
  }
}

function setUp() {
  const device = new LibsignalDevice();
  const identity = generateKeyPair();
  const phone = new PhoneSignal(identity);
  const send = (text: string, withPreKey = true) =>
    phone.encrypt(JID, Buffer.from(text), () => Promise.resolve(device.bundle(withPreKey)));
  const read = (sealed: Sealed) => phone.decrypt(JID, device.identity.publicKey, sealed).toString();
  return { device, identity, phone, send, read };
}

function rejection(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
  return 'none';
}

describe('a phone and libsignal', () => {
  test.each([true, false])('understand each other from a bundle with a one-time prekey: %s', async (withPreKey) => {
    const { device, send, read } = setUp();
    const first = await send('one', withPreKey);
    expect(first.type).toBe('pkmsg');
    expect(await device.decrypt(first)).toBe('one');
    expect(read(await device.encrypt('two'))).toBe('two');
    const third = await send('three');
    expect(third.type).toBe('msg');
    expect(await device.decrypt(third)).toBe('three');
  });

  test('understand each other when the device writes first', async () => {
    const { device, phone, send, read } = setUp();
    await device.startWith(phone.handOut());
    expect(read(await device.encrypt('one'))).toBe('one');
    expect(read(await device.encrypt('two'))).toBe('two');
    expect(await device.decrypt(await send('three'))).toBe('three');
  });

  test('understand each other through thirty turns, some messages late and some lost', async () => {
    const { device, send, read } = setUp();
    const late: Sealed[] = [];
    for (let turn = 0; turn < 30; turn += 1) {
      expect(await device.decrypt(await send(`phone ${turn}`))).toBe(`phone ${turn}`);
      const [held, , now] = [
        await device.encrypt(`late ${turn}`),
        await device.encrypt('lost'),
        await device.encrypt('x'),
      ];
      expect(read(now)).toBe('x');
      late.push(held);
    }
    expect(late.slice(-4).toReversed().map(read)).toEqual(['late 29', 'late 28', 'late 27', 'late 26']);
  });

  test('understand each other after the phone was stored and read again', async () => {
    const { device, identity, phone, send, read } = setUp();
    await device.decrypt(await send('one'));
    const late = await device.encrypt('late');
    expect(read(await device.encrypt('two'))).toBe('two');
    const stored = JSON.parse(JSON.stringify(phone.store('79990000001'))) as ReturnType<typeof phone.store>;
    const restored = new PhoneSignal(identity, stored);
    expect(restored.decrypt(JID, device.identity.publicKey, late).toString()).toBe('late');
    const next = await restored.encrypt(JID, Buffer.from('three'), () =>
      Promise.reject(new Error('there is a session')),
    );
    expect(await device.decrypt(next)).toBe('three');
  });

  test('start anew when the phone has forgotten the session', async () => {
    const { device, phone, send } = setUp();
    await device.decrypt(await send('one'));
    phone.forget(JID);
    const again = await send('two', false);
    expect(again.type).toBe('pkmsg');
    expect(await device.decrypt(again)).toBe('two');
  });
});

describe('a message is refused', () => {
  test('when it comes twice', async () => {
    const { device, phone, read } = setUp();
    await device.startWith(phone.handOut());
    const message = await device.encrypt('one');
    read(message);
    expect(rejection(() => read(message))).toBe('MESSAGE_INVALID');
  });

  test('when one bit of it is flipped, and the session goes on', async () => {
    const { device, send, read } = setUp();
    await device.decrypt(await send('one'));
    const { type, bytes } = await device.encrypt('two');
    for (let index = 0; index < bytes.length; index += 1) {
      const damaged = Buffer.from(bytes);
      damaged[index] = (damaged[index] ?? 0) ^ 1;
      expect(rejection(() => read({ type, bytes: damaged }))).toBe('MESSAGE_INVALID');
    }
    expect(read({ type, bytes })).toBe('two');
  });

  test('when it opens a session in the name of another device', async () => {
    const { device, phone } = setUp();
    await device.startWith(phone.handOut());
    const message = await device.encrypt('one');
    const other = generateKeyPair().publicKey;
    expect(rejection(() => phone.decrypt(JID, other, message))).toBe('MESSAGE_INVALID');
  });

  test('when its one-time prekey was used before', async () => {
    const { device, identity, phone, read } = setUp();
    await device.startWith(phone.handOut());
    const message = await device.encrypt('one');
    read(message);
    const restored = new PhoneSignal(identity, { ...phone.store('79990000001'), sessions: [] });
    const again = () => restored.decrypt(JID, device.identity.publicKey, message);
    expect(rejection(again)).toBe('MESSAGE_INVALID');
  });

  test.each([
    ['nothing', ''],
    ['another version', '44'.repeat(40)],
    ['no protobuf', `33${'ff'.repeat(40)}`],
  ])('when it is %s', (_what, hex) => {
    expect(rejection(() => readMessage(Buffer.from(hex, 'hex')))).toBe('MESSAGE_INVALID');
    expect(rejection(() => readOpening(Buffer.from(hex, 'hex')))).toBe('MESSAGE_INVALID');
  });
});

test('each bundle holds another one-time prekey, and its signed prekey is signed by the identity', () => {
  const identity = toKeyPair(Buffer.alloc(32, 9));
  const phone = new PhoneSignal(identity);
  const [first, second] = [phone.handOut(), phone.handOut()];
  expect(first.preKey?.id).not.toBe(second.preKey?.id);
  expect(first.signedPreKey.key).toEqual(second.signedPreKey.key);
  expect(first.identityKey).toEqual(identity.publicKey);
});

import { randomBytes, webcrypto } from 'node:crypto';
import { decodeBinaryNode, encodeBinaryNode, proto, type BinaryNode } from '@whiskeysockets/baileys';
import { Curve, signedKeyPair } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import { WebSocket } from 'ws';
import { waitFor } from './wait-for.ts';

const { subtle } = webcrypto;

/** `WA`, 6, 3. */
export const INTRO = Buffer.from('57410603', 'hex');
const PROTOCOL_NAME = Buffer.from('Noise_XX_25519_AESGCM_SHA256\0\0\0\0');

export interface KeyPair {
  readonly private: Uint8Array;
  readonly public: Uint8Array;
}

const sha256 = async (...parts: Uint8Array[]) => Buffer.from(await subtle.digest('SHA-256', Buffer.concat(parts)));

export async function x25519(own: KeyPair, peer: Uint8Array): Promise<Buffer> {
  const [x, d, peerX] = [own.public, own.private, peer].map((key) => Buffer.from(key).toString('base64url'));
  const curve = { kty: 'OKP', crv: 'X25519' };
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('jwk', { ...curve, x, d } as JsonWebKey, 'X25519', false, ['deriveBits']),
    subtle.importKey('jwk', { ...curve, x: peerX } as JsonWebKey, 'X25519', false, []),
  ]);
  return Buffer.from(await subtle.deriveBits({ name: 'X25519', public: publicKey }, privateKey, 256));
}

async function hkdf(salt: Uint8Array, input: Uint8Array): Promise<[Buffer, Buffer]> {
  const key = await subtle.importKey('raw', Buffer.from(input), 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: Buffer.from(salt), info: Buffer.alloc(0) };
  const bytes = Buffer.from(await subtle.deriveBits(parameters, key, 512));
  return [bytes.subarray(0, 32), bytes.subarray(32)];
}

async function aes(
  direction: 'encrypt' | 'decrypt',
  { key, counter, aad }: { key: Uint8Array; counter: number; aad: Uint8Array },
  input: Uint8Array,
): Promise<Buffer> {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(counter, 8);
  const aesKey = await subtle.importKey('raw', Buffer.from(key), 'AES-GCM', false, [direction]);
  const parameters = { name: 'AES-GCM', iv, additionalData: Buffer.from(aad) };
  return Buffer.from(await subtle[direction](parameters, aesKey, Buffer.from(input)));
}

/**
 * The client's side of WhatsApp's Noise XX handshake, written from the specification on WebCrypto alone: it shares
 * nothing with the simulator and nothing with Baileys.
 */
export class NoiseInitiator {
  #hash: Buffer = PROTOCOL_NAME;
  #chainingKey: Buffer = PROTOCOL_NAME;
  #key: Buffer = PROTOCOL_NAME;
  #counter = 0;

  async mixHash(bytes: Uint8Array): Promise<void> {
    this.#hash = await sha256(this.#hash, bytes);
  }

  async mixKey(secret: Uint8Array): Promise<void> {
    [this.#chainingKey, this.#key] = await hkdf(this.#chainingKey, secret);
    this.#counter = 0;
  }

  async encrypt(plaintext: Uint8Array): Promise<Buffer> {
    const ciphertext = await aes('encrypt', this.#cipher(), plaintext);
    await this.mixHash(ciphertext);
    return ciphertext;
  }

  async decrypt(ciphertext: Uint8Array): Promise<Buffer> {
    const plaintext = await aes('decrypt', this.#cipher(), ciphertext);
    await this.mixHash(ciphertext);
    return plaintext;
  }

  /** Client to server first. */
  split(): Promise<[Buffer, Buffer]> {
    return hkdf(this.#chainingKey, Buffer.alloc(0));
  }

  #cipher(): { key: Uint8Array; counter: number; aad: Uint8Array } {
    return { key: this.#key, counter: this.#counter++, aad: this.#hash };
  }
}

export function frame(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntBE(bytes.length, 0, 3);
  return Buffer.concat([header, bytes]);
}

/** A registration that WhatsApp would accept, and the keys behind it. */
export function createRegistration(change: Partial<proto.ClientPayload.IDevicePairingRegistrationData> = {}): {
  readonly identity: KeyPair;
  readonly payload: proto.IClientPayload;
} {
  const identity = Curve.generateKeyPair();
  const signed = signedKeyPair(identity, 1);
  const devicePairingData = {
    eRegid: Buffer.from('00000539', 'hex'),
    eKeytype: Buffer.from([5]),
    eIdent: identity.public,
    eSkeyId: Buffer.from('000001', 'hex'),
    eSkeyVal: signed.keyPair.public,
    eSkeySig: signed.signature,
    deviceProps: proto.DeviceProps.encode({ os: 'Test', platformType: 1 }).finish(),
    ...change,
  };
  return { identity, payload: { devicePairingData } };
}

export interface HandshakeOptions {
  readonly payload: proto.IClientPayload;
  readonly noiseKey?: KeyPair;
  /** Damages the last handshake message on its way. */
  readonly damage?: (finish: { static: Buffer; payload: Buffer }) => void;
}

/** A client of the wire protocol that can be told to deviate. */
export class WireClient implements Disposable {
  readonly noiseKey: KeyPair;
  readonly #socket: WebSocket;
  readonly #incoming: Buffer[] = [];
  #sendKey: Uint8Array = Buffer.alloc(0);
  #receiveKey: Uint8Array = Buffer.alloc(0);
  #sent = 0;
  #received = 0;
  #closeCode: number | undefined;

  private constructor(socket: WebSocket, noiseKey: KeyPair) {
    this.noiseKey = noiseKey;
    this.#socket = socket;
    let buffered: Buffer = Buffer.alloc(0);
    socket.on('message', (data: Buffer) => {
      buffered = Buffer.concat([buffered, data]);
      while (buffered.length >= 3 && buffered.length >= 3 + buffered.readUIntBE(0, 3)) {
        const end = 3 + buffered.readUIntBE(0, 3);
        this.#incoming.push(buffered.subarray(3, end));
        buffered = buffered.subarray(end);
      }
    });
    socket.on('close', (code) => {
      this.#closeCode = code;
    });
  }

  static async open(url: string, noiseKey: KeyPair = Curve.generateKeyPair()): Promise<WireClient> {
    const socket = new WebSocket(url);
    const client = new WireClient(socket, noiseKey);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return client;
  }

  sendRaw(bytes: Uint8Array | string): void {
    this.#socket.send(bytes);
  }

  /** The whole handshake; answers the certificate chain that the server showed. */
  async handshake({ payload, damage }: HandshakeOptions): Promise<Buffer> {
    const noise = new NoiseInitiator();
    const ephemeral = Curve.generateKeyPair();
    await noise.mixHash(INTRO);
    await noise.mixHash(ephemeral.public);
    const hello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: ephemeral.public } }).finish();
    this.sendRaw(Buffer.concat([INTRO, frame(hello)]));
    const { serverHello } = proto.HandshakeMessage.decode(await this.receiveRaw());
    const serverEphemeral = serverHello?.ephemeral ?? Buffer.alloc(0);
    await noise.mixHash(serverEphemeral);
    await noise.mixKey(await x25519(ephemeral, serverEphemeral));
    const serverStatic = await noise.decrypt(serverHello?.static ?? Buffer.alloc(0));
    await noise.mixKey(await x25519(ephemeral, serverStatic));
    const certificates = await noise.decrypt(serverHello?.payload ?? Buffer.alloc(0));
    const finish: { static: Buffer; payload: Buffer } = {
      static: await noise.encrypt(this.noiseKey.public),
      payload: Buffer.alloc(0),
    };
    await noise.mixKey(await x25519(this.noiseKey, serverEphemeral));
    finish.payload = await noise.encrypt(proto.ClientPayload.encode(payload).finish());
    damage?.(finish);
    this.sendRaw(frame(proto.HandshakeMessage.encode({ clientFinish: finish }).finish()));
    [this.#sendKey, this.#receiveKey] = await noise.split();
    return certificates;
  }

  /** Sends a stanza, or bytes in its place; `counter` breaks the count, `damage` the sealed frame. */
  async send(
    content: BinaryNode | Buffer,
    { counter, damage }: { counter?: number; damage?: (sealed: Buffer) => void } = {},
  ): Promise<void> {
    const plaintext = Buffer.isBuffer(content) ? content : encodeBinaryNode(content);
    const cipher = { key: this.#sendKey, counter: counter ?? this.#sent, aad: Buffer.alloc(0) };
    if (counter === undefined) this.#sent += 1;
    const sealed = await aes('encrypt', cipher, plaintext);
    damage?.(sealed);
    this.sendRaw(frame(sealed));
  }

  async receiveRaw(): Promise<Buffer> {
    await waitFor(() => this.#incoming.length > 0, { what: 'a frame of the server' });
    return this.#incoming.shift() ?? Buffer.alloc(0);
  }

  async receive(): Promise<BinaryNode> {
    const sealed = await this.receiveRaw();
    const cipher = { key: this.#receiveKey, counter: this.#received++, aad: Buffer.alloc(0) };
    return decodeBinaryNode(await aes('decrypt', cipher, sealed));
  }

  /** The QR that this client would show, from the `pair-device` that the server sent. */
  qrOf(pairDevice: BinaryNode, identity: KeyPair, advSecret: Buffer = randomBytes(32)): string {
    const refs = (pairDevice.content as BinaryNode[])[0]?.content as BinaryNode[];
    const ref = Buffer.from(refs[0]?.content as Uint8Array).toString();
    const keys = [this.noiseKey.public, identity.public, advSecret];
    return [ref, ...keys.map((key) => Buffer.from(key).toString('base64'))].join(',');
  }

  /** The WebSocket close code. */
  async closed(): Promise<number> {
    return waitFor(() => this.#closeCode, { what: 'the server to close' });
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

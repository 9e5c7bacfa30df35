import { createHash, hkdfSync } from 'node:crypto';
import { open, seal } from './aes-gcm.ts';
import { ProtocolError } from './protocol-error.ts';

/** Exactly 32 bytes, hence used as they are and not hashed (Noise specification, 5.2). */
const PROTOCOL_NAME = Buffer.from('Noise_XX_25519_AESGCM_SHA256\0\0\0\0', 'latin1');
const EMPTY = Buffer.alloc(0);

/** The SymmetricState of the Noise specification, 5.2, for AESGCM and SHA256. */
export class SymmetricState {
  #hash: Buffer = PROTOCOL_NAME;
  #chainingKey: Buffer = PROTOCOL_NAME;
  #key: Buffer | undefined;
  #counter = 0;

  /** Binds the whole handshake so far; equal on both sides. */
  get handshakeHash(): Buffer {
    return this.#hash;
  }

  mixHash(bytes: Uint8Array): void {
    this.#hash = createHash('sha256').update(this.#hash).update(bytes).digest();
  }

  mixKey(sharedSecret: Uint8Array): void {
    [this.#chainingKey, this.#key] = this.#derive(sharedSecret);
    this.#counter = 0;
  }

  encryptAndHash(plaintext: Uint8Array): Buffer {
    const ciphertext = this.#key ? seal(this.#key, this.#counter++, this.#hash, plaintext) : Buffer.from(plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @throws ProtocolError MAC_INVALID */
  decryptAndHash(ciphertext: Uint8Array): Buffer {
    const plaintext = this.#key ? open(this.#key, this.#counter++, this.#hash, ciphertext) : Buffer.from(ciphertext);
    if (!plaintext) throw new ProtocolError('MAC_INVALID', 'a handshake message does not authenticate');
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** The transport keys: initiator to responder first. */
  split(): readonly [Buffer, Buffer] {
    return this.#derive(EMPTY);
  }

  #derive(inputKeyMaterial: Uint8Array): [Buffer, Buffer] {
    const bytes = Buffer.from(hkdfSync('sha256', inputKeyMaterial, this.#chainingKey, EMPTY, 64));
    return [bytes.subarray(0, 32), bytes.subarray(32)];
  }
}

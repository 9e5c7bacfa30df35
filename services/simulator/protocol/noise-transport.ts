import { open, seal } from './aes-gcm.ts';
import { ProtocolError } from './protocol-error.ts';

const NO_AAD = Buffer.alloc(0);
/** How many past counters a failed frame is tried with, to tell a replay from a damaged frame. */
const REPLAY_WINDOW = 256;

/** The two directions after the handshake: counters from 0, no associated data. */
export class NoiseTransport {
  readonly #readKey: Buffer;
  readonly #writeKey: Buffer;
  #readCounter = 0;
  #writeCounter = 0;

  constructor(readKey: Buffer, writeKey: Buffer) {
    this.#readKey = readKey;
    this.#writeKey = writeKey;
  }

  /** Frames must be sent in the order in which they were encrypted. */
  encrypt(plaintext: Uint8Array): Buffer {
    return seal(this.#writeKey, this.#writeCounter++, NO_AAD, plaintext);
  }

  /** @throws ProtocolError NONCE_REUSED, MAC_INVALID; the connection is then beyond repair */
  decrypt(ciphertext: Uint8Array): Buffer {
    const plaintext = open(this.#readKey, this.#readCounter, NO_AAD, ciphertext);
    if (!plaintext) throw this.#refusalOf(ciphertext);
    this.#readCounter += 1;
    return plaintext;
  }

  #refusalOf(ciphertext: Uint8Array): ProtocolError {
    const oldest = Math.max(0, this.#readCounter - REPLAY_WINDOW);
    for (let counter = this.#readCounter - 1; counter >= oldest; counter--) {
      if (open(this.#readKey, counter, NO_AAD, ciphertext)) {
        return new ProtocolError('NONCE_REUSED', `frame ${this.#readCounter} is sealed with counter ${counter}`);
      }
    }
    return new ProtocolError('MAC_INVALID', `frame ${this.#readCounter} does not authenticate`);
  }
}

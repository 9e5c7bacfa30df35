import { proto } from '@whiskeysockets/baileys';
import { INTRO } from './framing.ts';
import { NoiseTransport } from './noise-transport.ts';
import { ProtocolError } from './protocol-error.ts';
import { SymmetricState } from './symmetric-state.ts';
import { generateKeyPair, sharedSecret, type KeyPair } from './x25519.ts';

export interface ServerIdentity {
  readonly staticKey: KeyPair;
  /** An encoded `CertChain` that vouches for the static key. */
  readonly certificateChain: Buffer;
}

export interface FinishedHandshake {
  /** The client's noise key: the credential of its device. */
  readonly clientStaticKey: Buffer;
  /** An encoded `ClientPayload`. */
  readonly payload: Buffer;
  readonly transport: NoiseTransport;
}

/**
 * The server's side of one Noise XX handshake, in the order of the three messages. Unlike the specification's message 1
 * WhatsApp's carries no payload, not even an empty one that would be hashed.
 */
export class NoiseResponder {
  readonly #identity: ServerIdentity;
  readonly #ephemeral: KeyPair;
  readonly #state = new SymmetricState();

  constructor(identity: ServerIdentity, ephemeral: KeyPair = generateKeyPair()) {
    this.#identity = identity;
    this.#ephemeral = ephemeral;
    this.#state.mixHash(INTRO);
  }

  /**
   * Message 1 in, message 2 out: `e` → `e, ee, s, es` with the certificate chain as payload.
   * @throws ProtocolError HANDSHAKE_INVALID
   */
  answerClientHello(frame: Buffer): Buffer {
    const clientEphemeral = decode(frame).clientHello?.ephemeral;
    if (!clientEphemeral) throw new ProtocolError('HANDSHAKE_INVALID', 'no client hello');
    const state = this.#state;
    state.mixHash(clientEphemeral);
    state.mixHash(this.#ephemeral.publicKey);
    state.mixKey(sharedSecret(this.#ephemeral.privateKey, clientEphemeral));
    const staticKey = state.encryptAndHash(this.#identity.staticKey.publicKey);
    state.mixKey(sharedSecret(this.#identity.staticKey.privateKey, clientEphemeral));
    const payload = state.encryptAndHash(this.#identity.certificateChain);
    return Buffer.from(
      proto.HandshakeMessage.encode({
        serverHello: { ephemeral: this.#ephemeral.publicKey, static: staticKey, payload },
      }).finish(),
    );
  }

  /**
   * Message 3 in: `s, se` and the client payload.
   * @throws ProtocolError HANDSHAKE_INVALID, MAC_INVALID
   */
  readClientFinish(frame: Buffer): FinishedHandshake {
    const finish = decode(frame).clientFinish;
    if (!finish?.static || !finish.payload) throw new ProtocolError('HANDSHAKE_INVALID', 'no client finish');
    const clientStaticKey = this.#state.decryptAndHash(finish.static);
    this.#state.mixKey(sharedSecret(this.#ephemeral.privateKey, clientStaticKey));
    const payload = this.#state.decryptAndHash(finish.payload);
    const [clientToServer, serverToClient] = this.#state.split();
    return { clientStaticKey, payload, transport: new NoiseTransport(clientToServer, serverToClient) };
  }
}

function decode(frame: Buffer): proto.HandshakeMessage {
  try {
    return proto.HandshakeMessage.decode(frame);
  } catch (cause) {
    throw new ProtocolError('HANDSHAKE_INVALID', 'not a handshake message', { cause });
  }
}

import { ProtocolError } from '../protocol/protocol-error.ts';
import type { SignedPreKey } from '../protocol/signed-prekey.ts';
import { generateKeyPair, type KeyPair } from '../protocol/x25519.ts';
import { firstRootKey, messageKeys, stepChain, stepRoot } from './key-schedule.ts';
import { encodeOpening, openMessage, readMessage, sealMessage, type OpeningMessage } from './message-codec.ts';

/** The public keys that let somebody start a session with a device. */
export interface Bundle {
  readonly registrationId: number;
  readonly identityKey: Buffer;
  readonly signedPreKey: SignedPreKey;
  readonly preKey: { readonly id: number; readonly key: Buffer } | undefined;
}

export interface Owner {
  readonly identity: KeyPair;
  readonly registrationId: number;
}

/** What the receiver of the first message holds of the keys that it names. */
export interface OwnPreKeys {
  readonly signedPreKey: KeyPair;
  readonly preKey: KeyPair | undefined;
}

interface SendingChain {
  readonly chainKey: Buffer;
  readonly next: number;
}

interface ReceivingChain extends SendingChain {
  readonly ratchetKey: Buffer;
  /** Keys of messages that have not come yet. */
  readonly skipped: ReadonlyMap<number, Buffer>;
}

export interface SessionState {
  readonly theirIdentity: Buffer;
  /** Names the session: the key that its initiator made for it. */
  readonly baseKey: Buffer;
  readonly rootKey: Buffer;
  readonly ratchet: KeyPair;
  readonly sending: SendingChain | undefined;
  readonly previousCounter: number;
  /** The newest first. */
  readonly receiving: readonly ReceivingChain[];
  /** Sent along until the first answer. */
  readonly opening: Pick<OpeningMessage, 'preKeyId' | 'signedPreKeyId'> | undefined;
}

export interface Sealed {
  readonly type: 'pkmsg' | 'msg';
  readonly bytes: Buffer;
}

const MAX_CHAINS = 5;
const MAX_SKIPPED = 2_000;

/** A Signal session of a phone with one device: double ratchet, version 3 of the messages. */
export class SignalSession {
  readonly #owner: Owner;
  #state: SessionState;

  constructor(owner: Owner, state: SessionState) {
    this.#owner = owner;
    this.#state = state;
  }

  static initiate(owner: Owner, bundle: Bundle): SignalSession {
    const [base, ratchet] = [generateKeyPair(), generateKeyPair()];
    const { identityKey: theirIdentity, signedPreKey, preKey } = bundle;
    const root = firstRootKey({
      role: 'initiator',
      identity: owner.identity,
      base,
      theirIdentity,
      theirSignedPreKey: signedPreKey.key,
      theirPreKey: preKey?.key,
    });
    const { rootKey, chainKey } = stepRoot(root, ratchet, signedPreKey.key);
    return new SignalSession(owner, {
      theirIdentity,
      baseKey: base.publicKey,
      rootKey,
      ratchet,
      sending: { chainKey, next: 0 },
      previousCounter: 0,
      receiving: [],
      opening: { preKeyId: preKey?.id, signedPreKeyId: signedPreKey.id },
    });
  }

  static respond(owner: Owner, own: OwnPreKeys, { identityKey, baseKey }: OpeningMessage): SignalSession {
    const { identity } = owner;
    const rootKey = firstRootKey({
      role: 'responder',
      identity,
      ...own,
      theirIdentity: identityKey,
      theirBase: baseKey,
    });
    return new SignalSession(owner, {
      theirIdentity: identityKey,
      baseKey,
      rootKey,
      ratchet: own.signedPreKey,
      sending: undefined,
      previousCounter: 0,
      receiving: [],
      opening: undefined,
    });
  }

  /** For storing. */
  get state(): SessionState {
    return this.#state;
  }

  /** A session that was answered to can write only after it has read. */
  encrypt(plaintext: Buffer): Sealed {
    const { sending, ratchet, theirIdentity, previousCounter, baseKey, opening } = this.#state;
    if (!sending) throw new TypeError('nothing was received in this session yet');
    const { identity, registrationId } = this.#owner;
    const { messageKey, chainKey } = stepChain(sending.chainKey);
    const header = { ratchetKey: ratchet.publicKey, counter: sending.next, previousCounter };
    const message = sealMessage(header, messageKeys(messageKey), [identity.publicKey, theirIdentity], plaintext);
    this.#state = { ...this.#state, sending: { chainKey, next: sending.next + 1 } };
    if (!opening) return { type: 'msg', bytes: message };
    const identityKey = identity.publicKey;
    return { type: 'pkmsg', bytes: encodeOpening({ registrationId, ...opening, baseKey, identityKey, message }) };
  }

  /** @throws ProtocolError MESSAGE_INVALID; the session is then as it was before */
  decrypt(bytes: Buffer): Buffer {
    const { ratchetKey, counter } = readMessage(bytes);
    const turned = this.#turnTo(ratchetKey);
    const { state, messageKey } = takeKey(turned, ratchetKey, counter);
    const identities = [state.theirIdentity, this.#owner.identity.publicKey] as const;
    const plaintext = openMessage(bytes, messageKeys(messageKey), identities);
    this.#state = { ...state, opening: undefined };
    return plaintext;
  }

  /** A key of theirs that is new turns the ratchet: one step to read, one to write. */
  #turnTo(ratchetKey: Buffer): SessionState {
    const state = this.#state;
    if (state.receiving.some((chain) => chain.ratchetKey.equals(ratchetKey))) return state;
    const reading = stepRoot(state.rootKey, state.ratchet, ratchetKey);
    const ratchet = generateKeyPair();
    const writing = stepRoot(reading.rootKey, ratchet, ratchetKey);
    const chain = { ratchetKey, chainKey: reading.chainKey, next: 0, skipped: new Map<number, Buffer>() };
    return {
      ...state,
      rootKey: writing.rootKey,
      ratchet,
      sending: { chainKey: writing.chainKey, next: 0 },
      previousCounter: Math.max(0, (state.sending?.next ?? 0) - 1),
      receiving: [chain, ...state.receiving].slice(0, MAX_CHAINS),
    };
  }
}

function takeKey(
  state: SessionState,
  ratchetKey: Buffer,
  counter: number,
): { readonly state: SessionState; readonly messageKey: Buffer } {
  const chain = state.receiving.find((candidate) => candidate.ratchetKey.equals(ratchetKey));
  if (!chain) throw new TypeError('the ratchet was not turned');
  const skipped = new Map(chain.skipped);
  let { chainKey, next } = chain;
  if (counter - next > MAX_SKIPPED) throw new ProtocolError('MESSAGE_INVALID', 'the message is too far ahead');
  for (; next <= counter; next += 1) {
    const step = stepChain(chainKey);
    skipped.set(next, step.messageKey);
    ({ chainKey } = step);
  }
  const messageKey = skipped.get(counter);
  if (!messageKey) throw new ProtocolError('MESSAGE_INVALID', 'the message was read before');
  skipped.delete(counter);
  for (const oldest of skipped.keys()) {
    if (skipped.size <= MAX_SKIPPED) break;
    skipped.delete(oldest);
  }
  const changed = { ratchetKey, chainKey, next, skipped };
  return { state: { ...state, receiving: state.receiving.map((one) => (one === chain ? changed : one)) }, messageKey };
}

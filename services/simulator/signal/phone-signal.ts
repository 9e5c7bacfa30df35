import { randomInt } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { generateKeyPair, toKeyPair, type KeyPair } from '../protocol/x25519.ts';
import { sign } from '../protocol/xeddsa.ts';
import { readOpening } from './message-codec.ts';
import { SignalSession, type Bundle, type Owner, type Sealed } from './signal-session.ts';
import { StoredSession, fromStoredSession, toStoredSession } from './stored-session.ts';

const Key = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const StoredSignal = Type.Object({
  phoneNumber: Type.String(),
  registrationId: Type.Integer({ minimum: 1 }),
  signedPreKey: Key,
  nextPreKeyId: Type.Integer({ minimum: 1 }),
  preKeys: Type.Array(Type.Tuple([Type.Integer(), Key])),
  sessions: Type.Array(Type.Tuple([Type.String(), Type.Array(StoredSession)])),
});

export const SIGNAL_SHAPE = Compile(StoredSignal);
export type StoredSignal = Static<typeof StoredSignal>;

const SIGNED_PREKEY_ID = 1;
/** Handed out and not used yet; whoever got an older one must ask again. */
const MAX_PREKEYS = 200;
/** Both sides may start one at once; older ones can still be read. */
const MAX_SESSIONS_OF_PEER = 4;

/** The end-to-end encryption of one phone: its prekeys, and its sessions with devices. */
export class PhoneSignal {
  readonly #owner: Owner;
  readonly #signedPreKey: KeyPair;
  readonly #preKeys = new Map<number, KeyPair>();
  /** By the device's JID; the session to write in comes first. */
  readonly #sessions = new Map<string, SignalSession[]>();
  #nextPreKeyId = 1;

  constructor(identity: KeyPair, stored?: StoredSignal) {
    this.#owner = { identity, registrationId: stored?.registrationId ?? randomInt(1, 16_380) };
    this.#signedPreKey = stored ? toKeyPair(Buffer.from(stored.signedPreKey, 'base64')) : generateKeyPair();
    if (!stored) return;
    this.#nextPreKeyId = stored.nextPreKeyId;
    for (const [id, key] of stored.preKeys) this.#preKeys.set(id, toKeyPair(Buffer.from(key, 'base64')));
    for (const [jid, sessions] of stored.sessions) {
      const restored = sessions.map((session) => new SignalSession(this.#owner, fromStoredSession(session)));
      this.#sessions.set(jid, restored);
    }
  }

  get registrationId(): number {
    return this.#owner.registrationId;
  }

  /** Public keys for one new session; the one-time prekey is in no other bundle. */
  handOut(): Bundle {
    const { identity, registrationId } = this.#owner;
    const preKey = generateKeyPair();
    const id = this.#nextPreKeyId;
    this.#nextPreKeyId += 1;
    this.#preKeys.set(id, preKey);
    const [oldest] = this.#preKeys.keys();
    if (oldest !== undefined && this.#preKeys.size > MAX_PREKEYS) this.#preKeys.delete(oldest);
    const { publicKey: key } = this.#signedPreKey;
    const signature = sign(identity.privateKey, Buffer.concat([Buffer.from([5]), key]));
    return {
      registrationId,
      identityKey: identity.publicKey,
      signedPreKey: { id: SIGNED_PREKEY_ID, key, signature },
      preKey: { id, key: preKey.publicKey },
    };
  }

  /** Starts a session where there is none. `bundleOf` answers the device's keys. */
  async encrypt(jid: string, plaintext: Buffer, bundleOf: () => Promise<Bundle>): Promise<Sealed> {
    let [session] = this.#sessions.get(jid) ?? [];
    if (!session) {
      session = SignalSession.initiate(this.#owner, await bundleOf());
      this.#add(jid, session);
    }
    return session.encrypt(plaintext);
  }

  /** The next message to the device starts a session anew. */
  forget(jid: string): void {
    this.#sessions.delete(jid);
  }

  /** @throws ProtocolError MESSAGE_INVALID when it cannot be read, or another identity wrote it */
  decrypt(jid: string, identityKey: Buffer, { type, bytes }: Sealed): Buffer {
    if (type === 'pkmsg') return this.#open(jid, identityKey, bytes);
    for (const session of this.#sessions.get(jid) ?? []) {
      const plaintext = tryToDecrypt(session, bytes);
      if (plaintext) return plaintext;
    }
    throw new ProtocolError('MESSAGE_INVALID', 'no session reads this message');
  }

  store(phoneNumber: string): StoredSignal {
    return {
      phoneNumber,
      registrationId: this.#owner.registrationId,
      signedPreKey: this.#signedPreKey.privateKey.toString('base64'),
      nextPreKeyId: this.#nextPreKeyId,
      preKeys: [...this.#preKeys].map(([id, { privateKey }]) => [id, privateKey.toString('base64')]),
      sessions: [...this.#sessions].map(([jid, list]) => [jid, list.map(({ state }) => toStoredSession(state))]),
    };
  }

  #open(jid: string, identityKey: Buffer, bytes: Buffer): Buffer {
    const opening = readOpening(bytes);
    if (!opening.identityKey.equals(identityKey)) {
      throw new ProtocolError('MESSAGE_INVALID', 'the message is of another identity');
    }
    const known = this.#sessions.get(jid)?.find(({ state }) => state.baseKey.equals(opening.baseKey));
    if (known) return known.decrypt(opening.message);
    const preKey = opening.preKeyId === undefined ? undefined : this.#preKeys.get(opening.preKeyId);
    if (opening.signedPreKeyId !== SIGNED_PREKEY_ID || (opening.preKeyId !== undefined && !preKey)) {
      throw new ProtocolError('MESSAGE_INVALID', 'the message names prekeys that are gone');
    }
    const session = SignalSession.respond(this.#owner, { signedPreKey: this.#signedPreKey, preKey }, opening);
    const plaintext = session.decrypt(opening.message);
    if (opening.preKeyId !== undefined) this.#preKeys.delete(opening.preKeyId);
    this.#add(jid, session);
    return plaintext;
  }

  #add(jid: string, session: SignalSession): void {
    this.#sessions.set(jid, [session, ...(this.#sessions.get(jid) ?? [])].slice(0, MAX_SESSIONS_OF_PEER));
  }
}

function tryToDecrypt(session: SignalSession, bytes: Buffer): Buffer | undefined {
  try {
    return session.decrypt(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

import { Type, type Static } from 'typebox';
import { toKeyPair } from '../protocol/x25519.ts';
import type { SessionState } from './signal-session.ts';

const Key = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const Counter = Type.Integer({ minimum: 0 });

export const StoredSession = Type.Object({
  theirIdentity: Key,
  baseKey: Key,
  rootKey: Key,
  ratchetPrivateKey: Key,
  sending: Type.Optional(Type.Object({ chainKey: Key, next: Counter })),
  previousCounter: Counter,
  receiving: Type.Array(
    Type.Object({ ratchetKey: Key, chainKey: Key, next: Counter, skipped: Type.Array(Type.Tuple([Counter, Key])) }),
  ),
  opening: Type.Optional(Type.Object({ preKeyId: Type.Optional(Counter), signedPreKeyId: Counter })),
});

export function toStoredSession(state: SessionState): Static<typeof StoredSession> {
  const { sending, opening, previousCounter } = state;
  return {
    theirIdentity: text(state.theirIdentity),
    baseKey: text(state.baseKey),
    rootKey: text(state.rootKey),
    ratchetPrivateKey: text(state.ratchet.privateKey),
    previousCounter,
    ...(sending && { sending: { ...sending, chainKey: text(sending.chainKey) } }),
    receiving: state.receiving.map(({ ratchetKey, chainKey, next, skipped }) => ({
      ratchetKey: text(ratchetKey),
      chainKey: text(chainKey),
      next,
      skipped: [...skipped].map(([counter, key]): [number, string] => [counter, text(key)]),
    })),
    ...(opening && {
      opening: {
        signedPreKeyId: opening.signedPreKeyId,
        ...(opening.preKeyId !== undefined && { preKeyId: opening.preKeyId }),
      },
    }),
  };
}

export function fromStoredSession(stored: Static<typeof StoredSession>): SessionState {
  const { sending, opening, previousCounter } = stored;
  return {
    theirIdentity: bytes(stored.theirIdentity),
    baseKey: bytes(stored.baseKey),
    rootKey: bytes(stored.rootKey),
    ratchet: toKeyPair(bytes(stored.ratchetPrivateKey)),
    previousCounter,
    sending: sending && { chainKey: bytes(sending.chainKey), next: sending.next },
    receiving: stored.receiving.map(({ ratchetKey, chainKey, next, skipped }) => ({
      ratchetKey: bytes(ratchetKey),
      chainKey: bytes(chainKey),
      next,
      skipped: new Map(skipped.map(([counter, key]) => [counter, bytes(key)])),
    })),
    opening: opening && { preKeyId: opening.preKeyId, signedPreKeyId: opening.signedPreKeyId },
  };
}

function text(key: Buffer): string {
  return key.toString('base64');
}

function bytes(key: string): Buffer {
  return Buffer.from(key, 'base64');
}

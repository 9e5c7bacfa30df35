import { backoffMs } from '../../../shared/lifecycle/backoff.ts';
import type { CloseReason } from './close-reason.ts';

export interface ClosedSocket {
  readonly reason: CloseReason;
  /** Closes in a row since the session last stood still or made progress: 0 for the first. */
  readonly attempt: number;
  /** The credentials belong to an account: the phone accepted this device once, whether or not it ever opened. */
  readonly linked: boolean;
  /** The version of the client was renewed in this row already. */
  readonly versionRenewed: boolean;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What follows a close. */
export type Verdict =
  /** The close is part of the protocol, nobody is told; open the socket again, with another version of the client if told. */
  | { readonly kind: 'restart'; readonly delayMs: number; readonly renewVersion: boolean }
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** Nothing happens until somebody asks; credentials are kept. */
  | { readonly kind: 'rest'; readonly state: 'qr-expired' | 'replaced' | 'client-outdated' }
  /** Over: credentials are discarded once the event is stored. */
  | { readonly kind: 'end'; readonly state: 'logged-out' | 'failed' };

const LINKED_BACKOFF = { baseMs: 1000, maxMs: 60_000 };
const UNLINKED_BACKOFF = { baseMs: 1000, maxMs: 30_000 };
/** About three minutes of trying: after that nobody is waiting in front of the page any more. */
export const MAX_UNLINKED_ATTEMPTS = 10;
/** A socket that stayed open this long has proved itself: the next close starts the backoff from its beginning. */
export const STABLE_AFTER_MS = 5 * 60_000;

/**
 * Decides what follows a close, from the facts alone. A linked session is never given up because of the network; an
 * unlinked one is after `MAX_UNLINKED_ATTEMPTS`.
 */
export function decideAfterClose(closed: ClosedSocket): Verdict {
  const { reason, attempt, linked, versionRenewed } = closed;
  switch (reason) {
    case 'restart-required':
      return restart(attempt === 0 ? 0 : retryDelayMs(closed));
    case 'qr-refs-ended':
      return linked ? retry(closed) : { kind: 'rest', state: 'qr-expired' };
    case 'logout-requested':
      return { kind: 'end', state: 'logged-out' };
    case 'logged-out':
      // Without an account the 401 means that half-made credentials were taken for a login: new ones cure it.
      if (linked) return { kind: 'end', state: 'logged-out' };
      return attempt === 0 ? restart(0) : retry(closed);
    case 'forbidden':
      return { kind: 'end', state: 'failed' };
    case 'replaced':
      return { kind: 'rest', state: 'replaced' };
    case 'client-outdated':
      if (versionRenewed) return { kind: 'rest', state: 'client-outdated' };
      return { kind: 'restart', delayMs: 0, renewVersion: true };
    case 'pairing-rejected':
    case 'multidevice-mismatch':
    case 'unavailable':
    case 'connection-closed':
    case 'connection-lost':
    case 'timed-out':
    case 'unreachable':
    case 'dns-failed':
    case 'tls-failed':
    case 'bad-session':
    case 'open-failed':
    case 'unknown':
      return retry(closed);
  }
}

function restart(delayMs: number): Verdict {
  return { kind: 'restart', delayMs, renewVersion: false };
}

function retry(closed: ClosedSocket): Verdict {
  if (!closed.linked && closed.attempt >= MAX_UNLINKED_ATTEMPTS) return { kind: 'end', state: 'failed' };
  return { kind: 'retry', delayMs: retryDelayMs(closed) };
}

function retryDelayMs({ attempt, linked, random }: ClosedSocket): number {
  return Math.round(backoffMs(attempt, { ...(linked ? LINKED_BACKOFF : UNLINKED_BACKOFF), random }));
}

import type { EventType } from '../../../shared/contract/events.ts';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { Account } from './account.ts';
import type { CloseReason } from './close-reason.ts';

/** What the session is doing, beside what it tells browsers. */
export type Phase =
  /** No socket, nothing planned. */
  | 'resting'
  /** A socket is being opened, shows QRs or a code, or logs in. */
  | 'opening'
  | 'open'
  /** No socket; a retry is scheduled. */
  | 'waiting'
  /** The stored credentials cannot be read; only a logout gets out of it. */
  | 'blocked'
  /** Over. The session leaves the pool once its last event is stored. */
  | 'ended';

export interface Qr {
  readonly text: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
  readonly ttlMs: number;
}

export interface PairingCode extends Qr {
  readonly phoneNumber: PhoneNumber;
}

/** Somebody wants to type a code on the phone with this number, until it is linked or the code is over. */
export interface CodeRequest {
  readonly phoneNumber: PhoneNumber;
  /** The current socket was asked for it; a socket is asked once. */
  readonly asked: boolean;
}

/** Why there is no pairing code. */
export interface CodeFailure {
  readonly code: 'PAIRING_CODE_FAILED' | 'BAILEYS_ERROR';
  readonly message: string;
}

export interface Ending {
  readonly reason: string;
  readonly willRetry: boolean;
  /** ms since the epoch. */
  readonly retryAt?: number;
}

/** One company's session as a value: what its next event says, and what decides its next step. */
export interface Machine {
  readonly state: SessionState;
  readonly phase: Phase;
  readonly account: Account;
  /** The credentials belong to an account. */
  readonly linked: boolean;
  readonly qr?: Qr;
  readonly code?: PairingCode;
  readonly failure?: CodeFailure;
  readonly ending?: Ending;
  readonly codeRequest?: CodeRequest;
  /** Closes in a row; see `ClosedSocket`. */
  readonly attempt: number;
  /** When the current socket opened, in ms since the epoch. */
  readonly openedAt?: number;
  /** Since the session last got anywhere, the version of the client was renewed. */
  readonly versionRenewed: boolean;
  /** Browsers still see the state in which the session was left: they are told nothing until something else is certain. */
  readonly quiet: boolean;
  readonly loggingOut: boolean;
}

export type Input =
  | { readonly kind: 'start' }
  | { readonly kind: 'request-qr' }
  | { readonly kind: 'request-code'; readonly phoneNumber: PhoneNumber }
  | { readonly kind: 'logout' }
  | { readonly kind: 'qr'; readonly text: string; readonly ttlMs: number }
  /** WhatsApp took the request for a code. */
  | { readonly kind: 'code'; readonly text: string; readonly ttlMs: number }
  | { readonly kind: 'code-failed'; readonly failure: CodeFailure }
  /** WhatsApp does not take the code any more. */
  | { readonly kind: 'code-over' }
  /** The account can only be linked by a client that has its passkey. */
  | { readonly kind: 'passkey-demanded' }
  /** The phone accepted the device (`isNewLogin`); WhatsApp will ask for a restart. */
  | { readonly kind: 'new-login'; readonly account: Account }
  /** `connection === 'open'`, the only thing that means connected. */
  | { readonly kind: 'open'; readonly account: Account }
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'close'; readonly reason: CloseReason }
  | { readonly kind: 'retry-due' }
  /** A quiet session is still not open. */
  | { readonly kind: 'news-due' }
  | { readonly kind: 'idle-too-long' }
  | { readonly kind: 'credentials-unreadable' };

export type Effect =
  | {
      readonly kind: 'open-socket';
      readonly credentials: 'kept' | 'fresh';
      /** Asks WhatsApp first which version of the client it wants. */
      readonly renewVersion?: boolean;
    }
  | { readonly kind: 'close-socket' }
  | { readonly kind: 'request-code'; readonly phoneNumber: PhoneNumber }
  /** Tells WhatsApp to remove the device; the socket closes afterwards, whatever the answer. */
  | { readonly kind: 'tell-logout' }
  | { readonly kind: 'schedule-retry'; readonly delayMs: number }
  | { readonly kind: 'cancel-retry' }
  | { readonly kind: 'schedule-news'; readonly delayMs: number }
  /** Once every event so far is stored: forget the credentials (`discard`), then give the company up. */
  | { readonly kind: 'release'; readonly discard: boolean };

export interface Step {
  readonly machine: Machine;
  /** The event to publish, with the whole state of `machine`. */
  readonly event?: EventType;
  readonly effects: readonly Effect[];
}

export interface Surroundings {
  /** ms since the epoch. */
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A session before its first step: new, or as it was left, with the state that browsers were told last. */
export function initialMachine(linked: boolean, account: Account = {}, lastState?: SessionState): Machine {
  return {
    state: 'starting',
    phase: 'resting',
    account,
    linked,
    attempt: 0,
    versionRenewed: false,
    quiet: linked && lastState === 'connected',
    loggingOut: false,
  };
}

/** Without what belongs to the state that is being left. */
export function clear({ qr: _qr, code: _code, failure: _failure, ending: _ending, ...machine }: Machine): Machine {
  return machine;
}

export function withoutCodeRequest({ codeRequest: _codeRequest, ...machine }: Machine): Machine {
  return machine;
}

export function stay(machine: Machine): Step {
  return { machine, effects: [] };
}

export function openSocket(machine: Machine, event?: EventType): Step {
  const { codeRequest } = machine;
  return {
    machine: {
      ...machine,
      phase: 'opening',
      ...(codeRequest && { codeRequest: { ...codeRequest, asked: false } }),
    },
    ...(event && { event }),
    // Credentials of a pairing that did not finish are not used twice: the phone may hold the other half.
    effects: [{ kind: 'open-socket', credentials: machine.linked ? 'kept' : 'fresh' }],
  };
}

/** As `openSocket`, and what was planned instead is not. */
export function openSocketNow(machine: Machine, event?: EventType): Step {
  const { effects, ...opening } = openSocket(machine, event);
  return { ...opening, effects: [{ kind: 'cancel-retry' }, ...effects] };
}

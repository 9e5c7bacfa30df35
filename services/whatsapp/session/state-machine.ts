import type { EventType } from '../../../shared/contract/events.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { Account } from './account.ts';
import type { CloseReason } from './close-reason.ts';
import { STABLE_AFTER_MS, decideAfterClose, type Verdict } from './reconnect-policy.ts';

/** What the session is doing, beside what it tells browsers. */
export type Phase =
  /** No socket, nothing planned. */
  | 'resting'
  /** A socket is being opened, shows QRs, or logs in. */
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

/** One company's session as a value: what its next event says, and what decides its next step. */
export interface Machine {
  readonly state: SessionState;
  readonly phase: Phase;
  readonly account: Account;
  /** The credentials belong to an account. */
  readonly linked: boolean;
  readonly qr?: Qr;
  readonly ending?: Ending;
  /** Closes in a row; see `ClosedSocket`. */
  readonly attempt: number;
  /** When the current socket opened, in ms since the epoch. */
  readonly openedAt?: number;
  readonly loggingOut: boolean;
}

export interface Ending {
  readonly reason: string;
  readonly willRetry: boolean;
  /** ms since the epoch. */
  readonly retryAt?: number;
}

export type Input =
  | { readonly kind: 'start' }
  | { readonly kind: 'request-qr' }
  | { readonly kind: 'logout' }
  | { readonly kind: 'qr'; readonly text: string; readonly ttlMs: number }
  /** The phone accepted the device (`isNewLogin`); WhatsApp will ask for a restart. */
  | { readonly kind: 'new-login'; readonly account: Account }
  /** `connection === 'open'`, the only thing that means connected. */
  | { readonly kind: 'open'; readonly account: Account }
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'close'; readonly reason: CloseReason }
  | { readonly kind: 'retry-due' }
  | { readonly kind: 'idle-too-long' }
  | { readonly kind: 'credentials-unreadable' };

export type Effect =
  | { readonly kind: 'open-socket'; readonly credentials: 'kept' | 'fresh' }
  | { readonly kind: 'close-socket' }
  /** Tells WhatsApp to remove the device; the socket closes afterwards, whatever the answer. */
  | { readonly kind: 'tell-logout' }
  | { readonly kind: 'schedule-retry'; readonly delayMs: number }
  | { readonly kind: 'cancel-retry' }
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

/** A session before its first step: new, or as it was restored from its row. */
export function initialMachine(linked: boolean, account: Account = {}): Machine {
  return { state: 'starting', phase: 'resting', account, linked, attempt: 0, loggingOut: false };
}

/** The whole behaviour of a session: from a state and an input to the next state, at most one event, and effects in order. */
export function step(machine: Machine, input: Input, around: Surroundings): Step {
  if (machine.phase === 'ended') return stay(machine);
  if (machine.phase === 'blocked')
    return input.kind === 'logout' ? end(machine, 'logged-out', 'logout') : stay(machine);
  switch (input.kind) {
    case 'start':
      return machine.phase === 'resting' && machine.state === 'starting'
        ? openSocket(machine, 'starting')
        : stay(machine);
    case 'request-qr':
      return requestQr(machine);
    case 'logout':
      return logout(machine);
    case 'qr':
      return showQr(machine, input, around);
    case 'new-login': {
      const account = { ...machine.account, ...input.account };
      return { machine: { ...clear(machine), state: 'linked', linked: true, account }, event: 'linked', effects: [] };
    }
    case 'open':
      return opened(machine, input.account, around);
    case 'account':
      return stay({ ...machine, account: { ...machine.account, ...input.account } });
    case 'close':
      return closed(machine, input.reason, around);
    case 'retry-due':
      return machine.phase === 'waiting' ? openSocket(machine) : stay(machine);
    case 'idle-too-long':
      return machine.phase === 'resting' && !machine.linked
        ? { machine: { ...machine, phase: 'ended' }, effects: [{ kind: 'release', discard: false }] }
        : stay(machine);
    case 'credentials-unreadable': {
      const ending = { reason: 'credentials-unreadable', willRetry: false };
      return {
        machine: { ...clear(machine), state: 'failed', phase: 'blocked', ending },
        event: 'failed',
        effects: [],
      };
    }
  }
}

function requestQr(machine: Machine): Step {
  switch (machine.phase) {
    case 'resting': {
      const rested = { ...clear(machine), state: 'starting', attempt: 0 } as const;
      return openSocket(rested, 'starting');
    }
    case 'waiting': {
      const { effects, ...opening } = openSocket(machine);
      return { ...opening, effects: [{ kind: 'cancel-retry' }, ...effects] };
    }
    case 'opening':
    case 'open':
    case 'blocked':
    case 'ended':
      return stay(machine);
  }
}

/** An open session says goodbye first; a closed one is opened for that; one that was never linked has nobody to tell. */
function logout(machine: Machine): Step {
  if (!machine.linked) {
    const ended = end(machine, 'logged-out', 'logout');
    return { ...ended, effects: [{ kind: 'cancel-retry' }, { kind: 'close-socket' }, ...ended.effects] };
  }
  if (machine.loggingOut) return stay(machine);
  const leaving = { ...machine, loggingOut: true };
  if (machine.phase === 'open') return { machine: leaving, effects: [{ kind: 'tell-logout' }] };
  if (machine.phase === 'opening') return stay(leaving);
  const { effects, ...opening } = openSocket(leaving);
  return { ...opening, effects: [{ kind: 'cancel-retry' }, ...effects] };
}

function showQr(machine: Machine, { text, ttlMs }: Extract<Input, { kind: 'qr' }>, { nowMs }: Surroundings): Step {
  if (machine.phase !== 'opening' || machine.linked) return stay(machine);
  const qr = { text, ttlMs, expiresAt: nowMs + ttlMs };
  // WhatsApp answered: what went wrong before is over.
  const shown = { ...clear(machine), state: 'qr', qr, attempt: 0 } as const;
  return { machine: shown, event: 'qr', effects: [] };
}

function opened(machine: Machine, update: Account, { nowMs }: Surroundings): Step {
  if (machine.phase !== 'opening') return stay(machine);
  const account = { ...machine.account, ...update };
  const open = { ...machine, phase: 'open', linked: true, account, openedAt: nowMs } as const;
  if (machine.loggingOut) return { machine: open, effects: [{ kind: 'tell-logout' }] };
  // A restart that WhatsApp asked for: nobody was told of the close.
  if (machine.state === 'connected') return stay(open);
  // A connected event carries the phone number; without one the device is accepted and the number still to come.
  const state = account.phoneNumber === undefined ? 'linked' : 'connected';
  return { machine: { ...clear(open), state }, event: state, effects: [] };
}

function closed(machine: Machine, reason: CloseReason, around: Surroundings): Step {
  if (machine.phase !== 'opening' && machine.phase !== 'open') return stay(machine);
  if (machine.loggingOut) return end(machine, 'logged-out', 'logout');
  const { openedAt, ...rest } = machine;
  const stable = openedAt !== undefined && around.nowMs - openedAt >= STABLE_AFTER_MS;
  const current: Machine = { ...rest, attempt: stable ? 0 : machine.attempt };
  const verdict = decideAfterClose({ ...current, reason, random: around.random });
  const next = { ...current, attempt: current.attempt + 1 };
  switch (verdict.kind) {
    case 'restart':
      return restart(next, verdict);
    case 'retry': {
      const ending = { reason, willRetry: true, retryAt: around.nowMs + verdict.delayMs };
      const waiting = { ...clear(next), state: 'disconnected', phase: 'waiting', ending } as const;
      return { machine: waiting, event: 'disconnected', effects: [scheduleRetry(verdict.delayMs)] };
    }
    case 'rest': {
      const resting = { ...clear(next), state: verdict.state, phase: 'resting' } as const;
      const ending = { reason, willRetry: false };
      return { machine: { ...resting, ending }, event: verdict.state, effects: [] };
    }
    case 'end':
      return end(next, verdict.state, reason);
  }
}

/** Nobody is told, except a browser that would go on showing a QR which died with its socket. */
function restart(machine: Machine, { delayMs }: Extract<Verdict, { kind: 'restart' }>): Step {
  const { qr, ...withoutQr } = machine;
  const restarting: Machine = qr ? { ...withoutQr, state: 'starting' } : machine;
  const event = qr ? ({ event: 'starting' } as const) : {};
  if (delayMs === 0) return { ...openSocket(restarting), ...event };
  return { machine: { ...restarting, phase: 'waiting' }, ...event, effects: [scheduleRetry(delayMs)] };
}

function end(machine: Machine, state: 'logged-out' | 'failed', reason: string): Step {
  const ended = { ...clear(machine), state, phase: 'ended', ending: { reason, willRetry: false } } as const;
  return { machine: ended, event: state, effects: [{ kind: 'release', discard: true }] };
}

function openSocket(machine: Machine, event?: EventType): Step {
  return {
    machine: { ...machine, phase: 'opening' },
    ...(event && { event }),
    // Credentials of a pairing that did not finish are not used twice: the phone may hold the other half.
    effects: [{ kind: 'open-socket', credentials: machine.linked ? 'kept' : 'fresh' }],
  };
}

function scheduleRetry(delayMs: number): Effect {
  return { kind: 'schedule-retry', delayMs };
}

/** Without what belongs to the state that is being left. */
function clear({ qr: _qr, ending: _ending, ...machine }: Machine): Machine {
  return machine;
}

function stay(machine: Machine): Step {
  return { machine, effects: [] };
}

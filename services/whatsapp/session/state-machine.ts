import type { EventType } from '../../../shared/contract/events.ts';
import type { Account } from './account.ts';
import type { CloseReason } from './close-reason.ts';
import { askForCode, dropOldCode, endCode, failCode, requestCode, showCode } from './code-steps.ts';
import {
  clear,
  openSocket,
  openSocketNow,
  stay,
  withoutCodeRequest,
  type Effect,
  type Input,
  type Machine,
  type Step,
  type Surroundings,
} from './machine.ts';
import { STABLE_AFTER_MS, decideAfterClose, type Verdict } from './reconnect-policy.ts';

/** How long a session that was left as connected may take to be open again before browsers hear that it is not. */
const QUIET_MS = 10_000;

/** The whole behaviour of a session: from a state and an input to the next state, at most one event, and effects in order. */
export function step(machine: Machine, input: Input, around: Surroundings): Step {
  if (machine.phase === 'ended') return stay(machine);
  if (machine.phase === 'blocked')
    return input.kind === 'logout' ? end(machine, 'logged-out', 'logout') : stay(machine);
  const next = decide(machine, input, around);
  // From its first event on browsers follow the session itself.
  return next.event && next.machine.quiet ? { ...next, machine: { ...next.machine, quiet: false } } : next;
}

function decide(machine: Machine, input: Input, around: Surroundings): Step {
  switch (input.kind) {
    case 'start':
      return start(machine);
    case 'request-qr':
      return requestQr(machine);
    case 'request-code':
      return machine.linked ? requestQr(machine) : requestCode(machine, input.phoneNumber);
    case 'logout':
      return logout(machine);
    case 'qr':
      return showQr(machine, input, around);
    case 'code':
      return showCode(machine, input.text, { ttlMs: input.ttlMs, nowMs: around.nowMs });
    case 'code-failed':
      return failCode(machine, input.failure);
    case 'code-over':
      return endCode(machine);
    case 'passkey-demanded':
      return demandPasskey(machine);
    case 'new-login':
      return accept(machine, input.account);
    case 'open':
      return opened(machine, input.account, around);
    case 'account':
      return learnAccount(machine, input.account);
    case 'close':
      return closed(machine, input.reason, around);
    case 'retry-due':
      return machine.phase === 'waiting' ? openSocket(machine) : stay(machine);
    case 'news-due':
      return machine.quiet && machine.phase === 'opening' ? { machine, event: 'starting', effects: [] } : stay(machine);
    case 'idle-too-long':
      return machine.phase === 'resting' && !machine.linked
        ? { machine: { ...machine, phase: 'ended' }, effects: [{ kind: 'release', discard: false }] }
        : stay(machine);
    case 'credentials-unreadable': {
      const ending = { reason: 'credentials-unreadable', willRetry: false };
      const blocked = { ...clear(machine), state: 'failed', phase: 'blocked', ending } as const;
      return { machine: blocked, event: 'failed', effects: [] };
    }
  }
}

function start(machine: Machine): Step {
  if (machine.phase !== 'resting' || machine.state !== 'starting') return stay(machine);
  if (!machine.quiet) return openSocket(machine, 'starting');
  const { effects, ...opening } = openSocket(machine);
  return { ...opening, effects: [...effects, { kind: 'schedule-news', delayMs: QUIET_MS }] };
}

function requestQr(machine: Machine): Step {
  const wanted = withoutCodeRequest(machine);
  switch (machine.phase) {
    case 'resting':
      return openSocket({ ...clear(wanted), state: 'starting', attempt: 0, versionRenewed: false }, 'starting');
    case 'waiting':
      return openSocketNow(wanted);
    case 'opening':
      // A socket that was asked for a code shows no QR that can be scanned.
      return machine.codeRequest?.asked
        ? openSocket({ ...clear(wanted), state: 'starting' }, 'starting')
        : stay(wanted);
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
  return openSocketNow(leaving);
}

function showQr(machine: Machine, { text, ttlMs }: Extract<Input, { kind: 'qr' }>, { nowMs }: Surroundings): Step {
  if (machine.phase !== 'opening' || machine.linked) return stay(machine);
  if (machine.codeRequest) return askForCode(machine, machine.codeRequest);
  const qr = { text, ttlMs, expiresAt: nowMs + ttlMs };
  // WhatsApp answered: what went wrong before is over.
  const shown = { ...clear(machine), state: 'qr', qr, attempt: 0, versionRenewed: false } as const;
  return { machine: shown, event: 'qr', effects: [] };
}

/** No QR and no code gets past it, so none is shown until somebody asks for one. */
function demandPasskey(machine: Machine): Step {
  if (machine.phase !== 'opening' || machine.linked) return stay(machine);
  const resting = { ...withoutCodeRequest(clear(machine)), state: 'passkey-required', phase: 'resting' } as const;
  return { machine: resting, event: 'passkey-required', effects: [{ kind: 'close-socket' }] };
}

function accept(machine: Machine, update: Account): Step {
  const account = { ...machine.account, ...update };
  const linked = { ...withoutCodeRequest(clear(machine)), state: 'linked', linked: true, account } as const;
  return { machine: linked, event: 'linked', effects: [] };
}

function opened(machine: Machine, update: Account, { nowMs }: Surroundings): Step {
  if (machine.phase !== 'opening') return stay(machine);
  const account = { ...machine.account, ...update };
  const open = { ...machine, phase: 'open', linked: true, account, openedAt: nowMs, versionRenewed: false } as const;
  if (machine.loggingOut) return { machine: open, effects: [{ kind: 'tell-logout' }] };
  // A restart that WhatsApp asked for: nobody was told of the close.
  if (machine.state === 'connected') return stay(open);
  // A connected event carries the phone number; without one the device is accepted and the number still to come.
  const state = account.phoneNumber === undefined ? 'linked' : 'connected';
  return { machine: { ...clear(open), state }, event: state, effects: [] };
}

function learnAccount(machine: Machine, update: Account): Step {
  const known = { ...machine, account: { ...machine.account, ...update } };
  const lackedNumber = machine.phase === 'open' && machine.state === 'linked' && !machine.loggingOut;
  if (!lackedNumber || known.account.phoneNumber === undefined) return stay(known);
  return { machine: { ...clear(known), state: 'connected' }, event: 'connected', effects: [] };
}

function closed(machine: Machine, reason: CloseReason, around: Surroundings): Step {
  if (machine.phase !== 'opening' && machine.phase !== 'open') return stay(machine);
  if (machine.loggingOut) return end(machine, 'logged-out', 'logout');
  const { openedAt, ...rest } = dropOldCode(machine, around);
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
      const resting = { ...withoutCodeRequest(clear(next)), state: verdict.state, phase: 'resting' } as const;
      const ending = { reason, willRetry: false };
      return { machine: { ...resting, ending }, event: verdict.state, effects: [] };
    }
    case 'end':
      return end(next, verdict.state, reason);
  }
}

/** Nobody is told, except a browser that would go on showing a QR or a code which died with its socket. */
function restart(machine: Machine, { delayMs, renewVersion }: Extract<Verdict, { kind: 'restart' }>): Step {
  const event: EventType | undefined = machine.qr || machine.code ? 'starting' : undefined;
  const restarting: Machine = {
    ...(event ? { ...clear(machine), state: event } : machine),
    versionRenewed: machine.versionRenewed || renewVersion,
  };
  if (delayMs > 0) {
    return { machine: { ...restarting, phase: 'waiting' }, ...(event && { event }), effects: [scheduleRetry(delayMs)] };
  }
  const opening = openSocket(restarting, event);
  if (!renewVersion) return opening;
  return { ...opening, effects: opening.effects.map((effect) => ({ ...effect, renewVersion })) };
}

function end(machine: Machine, state: 'logged-out' | 'failed', reason: string): Step {
  const ending = { reason, willRetry: false };
  const ended = { ...withoutCodeRequest(clear(machine)), state, phase: 'ended', ending } as const;
  return { machine: ended, event: state, effects: [{ kind: 'release', discard: true }] };
}

function scheduleRetry(delayMs: number): Effect {
  return { kind: 'schedule-retry', delayMs };
}

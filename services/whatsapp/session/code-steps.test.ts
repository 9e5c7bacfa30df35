import { describe, expect, test } from 'vitest';
import { parsePhoneNumber, type PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { CloseReason } from './close-reason.ts';
import { isCodeOnItsWay } from './code-steps.ts';
import { initialMachine, type Effect, type Input, type Machine } from './machine.ts';
import { MAX_UNLINKED_ATTEMPTS } from './reconnect-policy.ts';
import { step } from './state-machine.ts';

const NOW = 1_764_870_000_000;
const PHONE = phone('79990000001');
const OTHER = phone('79990000002');
const START: Input = { kind: 'start' };
const QR: Input = { kind: 'qr', text: 'a qr', ttlMs: 60_000 };
const REQUEST: Input = { kind: 'request-code', phoneNumber: PHONE };
const CODE: Input = { kind: 'code', text: '1ABCDEFG', ttlMs: 50_000 };
const SECOND_CODE: Input = { kind: 'code', text: '2ABCDEFG', ttlMs: 50_000 };
const CODE_OVER: Input = { kind: 'code-over' };
const RETRY_DUE: Input = { kind: 'retry-due' };
const NEW_LOGIN: Input = { kind: 'new-login', account: { phoneNumber: PHONE } };
const OPEN: Input = { kind: 'open', account: {} };
const close = (reason: CloseReason): Input => ({ kind: 'close', reason });

function phone(text: string): PhoneNumber {
  const parsed = parsePhoneNumber(text);
  if (!parsed) throw new TypeError(text);
  return parsed;
}

function run(inputs: readonly Input[], machine: Machine = initialMachine(false), nowMs = NOW) {
  const events: string[] = [];
  const effects: Effect[] = [];
  for (const input of inputs) {
    const next = step(machine, input, { nowMs, random: () => 0 });
    machine = next.machine;
    if (next.event) events.push(next.event);
    effects.push(...next.effects);
  }
  return { machine, events, effects };
}

const FRESH: Effect = { kind: 'open-socket', credentials: 'fresh' };
const ask = (phoneNumber: PhoneNumber): Effect => ({ kind: 'request-code', phoneNumber });

const showingCode = run([REQUEST, QR, CODE]).machine;
const asking = run([REQUEST, QR]).machine;
const showingQr = run([START, QR]).machine;

test('a code is asked for at the first QR of its socket, and no QR is shown beside it', () => {
  const { machine, events, effects } = run([REQUEST, QR, { ...QR, text: 'later' }, CODE, { ...QR, text: 'last' }]);
  expect(events).toEqual(['starting', 'pairing-code']);
  expect(effects).toEqual([FRESH, ask(PHONE)]);
  expect(machine).toMatchObject({ state: 'pairing-code', phase: 'opening', linked: false });
  expect(machine.code).toEqual({ text: '1ABCDEFG', phoneNumber: PHONE, ttlMs: 50_000, expiresAt: NOW + 50_000 });
  expect(machine.qr).toBeUndefined();
});

test('what the phone accepts leads through linked and a restart to connected, and to nothing else before', () => {
  const { machine, events } = run([NEW_LOGIN, close('restart-required'), OPEN], showingCode);
  expect(events).toEqual(['linked', 'connected']);
  expect(machine).not.toHaveProperty('code');
  expect(machine).not.toHaveProperty('codeRequest');
  for (const before of [asking, showingCode, run([NEW_LOGIN], showingCode).machine]) {
    expect(before.state).not.toBe('connected');
  }
});

test('the phone that a code is for is nowhere the account of the session', () => {
  expect([asking.account, showingCode.account]).toEqual([{}, {}]);
});

describe('a request', () => {
  test('while a QR is shown takes a socket and credentials of its own', () => {
    const { events, effects, machine } = run([REQUEST, QR], showingQr);
    expect(events).toEqual(['starting']);
    expect(effects).toEqual([FRESH, ask(PHONE)]);
    expect(machine.qr).toBeUndefined();
  });

  test('while the socket is still being opened waits for its first QR', () => {
    const opening = run([START]).machine;
    expect(run([REQUEST], opening)).toMatchObject({ events: [], effects: [] });
    expect(run([REQUEST, QR, CODE], opening)).toMatchObject({ events: ['pairing-code'], effects: [ask(PHONE)] });
  });

  test('for the same phone is already being done until there is a code', () => {
    for (const machine of [run([REQUEST]).machine, asking]) {
      expect(isCodeOnItsWay(machine, PHONE)).toBe(true);
      expect(isCodeOnItsWay(machine, OTHER)).toBe(false);
      expect(run([REQUEST], machine)).toEqual({ machine, events: [], effects: [] });
    }
    expect(isCodeOnItsWay(showingCode, PHONE)).toBe(false);
    expect(isCodeOnItsWay(showingQr, PHONE)).toBe(false);
  });

  test('for another phone replaces the one that is being done', () => {
    const { events, effects, machine } = run([{ kind: 'request-code', phoneNumber: OTHER }, QR, SECOND_CODE], asking);
    expect(effects).toEqual([FRESH, ask(OTHER)]);
    expect(events).toEqual(['starting', 'pairing-code']);
    expect(machine.code).toMatchObject({ text: '2ABCDEFG', phoneNumber: OTHER });
  });

  test.each([
    ['the same phone', PHONE],
    ['another phone', OTHER],
  ])('for %s while a code is shown brings a second code, and the first one goes at once', (_, phoneNumber) => {
    const asked = run([{ kind: 'request-code', phoneNumber }], showingCode);
    expect(asked).toMatchObject({ events: ['starting'], effects: [FRESH] });
    expect(asked.machine.code).toBeUndefined();
    const { machine } = run([QR, SECOND_CODE], asked.machine);
    expect(machine.code).toMatchObject({ text: '2ABCDEFG', phoneNumber });
  });

  test.each([
    ['expired QRs', [START, QR, close('qr-refs-ended')]],
    ['a passkey that was demanded', [START, QR, { kind: 'passkey-demanded' }]],
  ] as const)('after %s begins anew', (_, inputs) => {
    const { events, effects } = run([REQUEST, QR], run(inputs).machine);
    expect(events).toEqual(['starting']);
    expect(effects).toEqual([FRESH, ask(PHONE)]);
  });

  test('does not wait for a retry that is due later', () => {
    const waiting = run([START, close('unreachable')]).machine;
    expect(run([REQUEST, QR], waiting).effects).toEqual([{ kind: 'cancel-retry' }, FRESH, ask(PHONE)]);
  });

  test('of a linked session is no more than a look at it', () => {
    const connected = run([START, OPEN], initialMachine(true, { phoneNumber: PHONE })).machine;
    expect(run([REQUEST], connected)).toEqual({ machine: connected, events: [], effects: [] });
    const replaced = run([close('replaced')], connected).machine;
    expect(run([REQUEST], replaced).effects).toEqual([{ kind: 'open-socket', credentials: 'kept' }]);
  });
});

describe('no code', () => {
  const failure = { code: 'PAIRING_CODE_FAILED', message: 'WhatsApp refused the request: 429 rate-overlimit' } as const;

  test('is told with its reason, and QRs of a new socket follow', () => {
    const { machine, events, effects } = run([{ kind: 'code-failed', failure }], asking);
    expect(events).toEqual(['pairing-code-error']);
    expect(effects).toEqual([FRESH]);
    expect(machine).toMatchObject({ state: 'starting', failure });
    const next = run([QR], machine);
    expect(next.events).toEqual(['qr']);
    expect(next.machine).not.toHaveProperty('failure');
  });

  test('that comes too late, or was not asked for, is nothing', () => {
    for (const machine of [showingQr, run([NEW_LOGIN], asking).machine]) {
      expect(run([{ kind: 'code-failed', failure }], machine)).toEqual({ machine, events: [], effects: [] });
      expect(run([CODE], machine)).toEqual({ machine, events: [], effects: [] });
    }
  });
});

describe('a code that nobody typed in time, or typed wrongly', () => {
  test('makes room for QRs of a new socket: those of its own hold a stale secret', () => {
    const { events, effects, machine } = run([CODE_OVER, QR], showingCode);
    expect(events).toEqual(['qr']);
    expect(effects).toEqual([FRESH]);
    expect(machine).not.toHaveProperty('codeRequest');
  });

  test('is nothing once the phone has accepted', () => {
    const { machine } = run([NEW_LOGIN], showingCode);
    expect(run([CODE_OVER], machine)).toEqual({ machine, events: [], effects: [] });
  });
});

describe('request-qr', () => {
  test.each([
    ['is being made', asking],
    ['is shown', showingCode],
  ])('while a code %s gives it up', (_, machine) => {
    const { events, effects } = run([{ kind: 'request-qr' }, QR], machine);
    expect(events).toEqual(['starting', 'qr']);
    expect(effects).toEqual([FRESH]);
  });

  test('before the socket was asked keeps the socket', () => {
    const { machine } = run([REQUEST]);
    expect(run([{ kind: 'request-qr' }, QR], machine)).toMatchObject({ events: ['qr'], effects: [] });
  });

  test('is no part of start: a second tab leaves the code alone', () => {
    expect(run([START], showingCode)).toEqual({ machine: showingCode, events: [], effects: [] });
  });
});

describe('a drop', () => {
  test.each([
    ['before the code', asking],
    ['between the code and the link', showingCode],
  ])('%s is followed by a fresh code for the same phone, with fresh credentials', (_, machine) => {
    const { events, effects, machine: after } = run([close('connection-closed'), RETRY_DUE, QR, SECOND_CODE], machine);
    expect(events).toEqual(['disconnected', 'pairing-code']);
    expect(effects).toEqual([{ kind: 'schedule-retry', delayMs: 500 }, FRESH, ask(PHONE)]);
    expect(after.code).toMatchObject({ text: '2ABCDEFG', phoneNumber: PHONE });
  });

  test('answered with 401, because the credentials look like a login, is cured at once', () => {
    const { events, effects } = run([close('logged-out'), QR, SECOND_CODE], showingCode);
    expect(events).toEqual(['starting', 'pairing-code']);
    expect(effects).toEqual([FRESH, ask(PHONE)]);
  });

  test('after the code was over is followed by a QR', () => {
    const { machine } = run([close('connection-closed')], showingCode, NOW + 50_000);
    expect(run([RETRY_DUE, QR], machine).events).toEqual(['qr']);
  });

  test('again and again ends the session instead of ringing the phone for ever', () => {
    const round = [close('connection-closed'), RETRY_DUE, QR, CODE];
    const rounds = Array.from({ length: MAX_UNLINKED_ATTEMPTS + 1 }, () => round).flat();
    const { machine, events } = run(rounds, showingCode);
    expect(events.at(-1)).toBe('failed');
    expect(machine.phase).toBe('ended');
  });

  test('that ends the session ends the wish for a code', () => {
    expect(run([close('forbidden')], showingCode).machine).not.toHaveProperty('codeRequest');
    expect(run([close('qr-refs-ended')], showingCode).machine).toMatchObject({ state: 'qr-expired' });
    expect(run([close('qr-refs-ended')], showingCode).machine).not.toHaveProperty('codeRequest');
  });
});

test('a logout takes the code away', () => {
  expect(run([{ kind: 'logout' }], showingCode).machine).not.toHaveProperty('code');
});

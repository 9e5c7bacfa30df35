import { describe, expect, test } from 'vitest';
import type { CloseReason } from './close-reason.ts';
import { initialMachine, type Effect, type Input, type Machine } from './machine.ts';
import { step } from './state-machine.ts';

const NOW = 1_764_870_000_000;
const account = { phoneNumber: '79990000001', lid: '100000000000001' };

const START: Input = { kind: 'start' };
const REQUEST_QR: Input = { kind: 'request-qr' };
const LOGOUT: Input = { kind: 'logout' };
const QR: Input = { kind: 'qr', text: 'first', ttlMs: 60_000 };
const QR_2: Input = { kind: 'qr', text: 'second', ttlMs: 20_000 };
const NEW_LOGIN: Input = { kind: 'new-login', account };
const OPEN: Input = { kind: 'open', account: { name: 'Salon' } };
const RETRY_DUE: Input = { kind: 'retry-due' };
const close = (reason: CloseReason): Input => ({ kind: 'close', reason });

/** Runs the inputs in order and answers the last state with every event and effect on the way. */
function run(inputs: readonly Input[], machine: Machine = initialMachine(false), nowMs = NOW) {
  const events: (string | undefined)[] = [];
  const effects: Effect['kind'][] = [];
  for (const input of inputs) {
    const next = step(machine, input, { nowMs, random: () => 0 });
    machine = next.machine;
    if (next.event) events.push(next.event);
    effects.push(...next.effects.map(({ kind }) => kind));
  }
  return { machine, events, effects };
}

const connected = run([START, OPEN], initialMachine(true, account)).machine;
const showingQr = run([START, QR]).machine;
const linked = run([START, QR, NEW_LOGIN]).machine;
const waiting = run([close('connection-closed')], connected).machine;

test('a scan leads through linked and a restart to connected, and the restart is no disconnect', () => {
  const { machine, events, effects } = run([START, QR, NEW_LOGIN, close('restart-required'), OPEN]);
  expect(events).toEqual(['starting', 'qr', 'linked', 'connected']);
  expect(effects).toEqual(['open-socket', 'open-socket']);
  expect(machine).toMatchObject({ state: 'connected', phase: 'open', linked: true, attempt: 1 });
  expect(machine.account).toEqual({ ...account, name: 'Salon' });
  expect(machine.qr).toBeUndefined();
});

test('nothing but open is connected', () => {
  const states = [START, QR, NEW_LOGIN, close('restart-required'), { kind: 'account', account } as const].map(
    (_, index, inputs) => run(inputs.slice(0, index + 1)).machine.state,
  );
  expect(states).toEqual(['starting', 'qr', 'linked', 'linked', 'linked']);
});

test('open without a known phone number is linked, and connected as soon as the number is known', () => {
  const lid = '100000000000001';
  const open = run([START, { kind: 'open', account: {} }], initialMachine(true, { lid }));
  expect(open).toMatchObject({ events: ['starting', 'linked'], machine: { phase: 'open', state: 'linked' } });
  expect(run([{ kind: 'account', account: { name: 'Salon' } }], open.machine).events).toEqual([]);
  const known = run([{ kind: 'account', account: { phoneNumber: '79990000001' } }], open.machine);
  expect(known.events).toEqual(['connected']);
  expect(known.machine).toMatchObject({ state: 'connected', account: { lid, phoneNumber: '79990000001' } });
});

describe('a session that was left as connected', () => {
  const left = initialMachine(true, account, 'connected');

  test('comes back without a word but connected', () => {
    const { events, effects, machine } = run([START, OPEN], left);
    expect(events).toEqual(['connected']);
    expect(effects).toEqual(['open-socket', 'schedule-news']);
    expect(machine.quiet).toBe(false);
    expect(run([{ kind: 'news-due' }], machine).events).toEqual([]);
  });

  test('says that it is starting when that takes long', () => {
    expect(run([START, { kind: 'news-due' }, OPEN], left).events).toEqual(['starting', 'connected']);
  });

  test.each([
    ['connection-closed', 'disconnected'],
    ['dns-failed', 'disconnected'],
    ['logged-out', 'logged-out'],
    ['forbidden', 'failed'],
    ['replaced', 'replaced'],
  ] as const)('says at once what it is instead: %s', (reason, state) => {
    const { events, machine } = run([START, close(reason), { kind: 'news-due' }], left);
    expect(events).toEqual([state]);
    expect(machine.quiet).toBe(false);
  });

  test('stays silent over a restart, and over a renewed version', () => {
    const inputs = [START, close('restart-required'), close('client-outdated'), OPEN];
    expect(run(inputs, left).events).toEqual(['connected']);
  });

  test.each([['disconnected'], ['linked'], ['starting'], [undefined]] as const)('as %s says so', (lastState) => {
    expect(run([START, OPEN], initialMachine(true, account, lastState)).events).toEqual(['starting', 'connected']);
  });

  test('whose credentials are gone says what it does', () => {
    expect(run([START, QR], initialMachine(false, {}, 'connected')).events).toEqual(['starting', 'qr']);
  });
});

describe('a passkey that is demanded', () => {
  const demanded = run([{ kind: 'passkey-demanded' }], showingQr);

  test('ends the linking, because no QR and no code gets past it', () => {
    expect(demanded).toMatchObject({ events: ['passkey-required'], effects: ['close-socket'] });
    expect(demanded.machine).toMatchObject({ state: 'passkey-required', phase: 'resting', linked: false });
    expect(demanded.machine.qr).toBeUndefined();
    expect(run([START], demanded.machine).effects).toEqual([]);
  });

  test('leaves another try to the owner of the account', () => {
    expect(run([REQUEST_QR], demanded.machine)).toMatchObject({ events: ['starting'], effects: ['open-socket'] });
  });

  test('means nothing to a linked session', () => {
    expect(run([{ kind: 'passkey-demanded' }], connected)).toEqual({ machine: connected, events: [], effects: [] });
  });
});

describe('a QR', () => {
  test('is replaced by the next one of its socket', () => {
    expect(showingQr.qr).toEqual({ text: 'first', ttlMs: 60_000, expiresAt: NOW + 60_000 });
    expect(run([QR_2], showingQr).machine.qr).toEqual({ text: 'second', ttlMs: 20_000, expiresAt: NOW + 20_000 });
  });

  test('is ignored once the account is linked, and without a socket', () => {
    expect(run([QR], linked)).toMatchObject({ events: [], machine: { state: 'linked' } });
    expect(run([QR]).events).toEqual([]);
  });

  test.each(['connection-closed', 'qr-refs-ended', 'logged-out', 'restart-required', 'forbidden'] as const)(
    'dies with its socket: %s',
    (reason) => {
      const { machine, events } = run([close(reason)], showingQr);
      expect(machine.qr).toBeUndefined();
      expect(events).toHaveLength(1);
    },
  );
});

describe('request-qr', () => {
  test('opens a new socket with new credentials when the QRs are used up', () => {
    const expired = run([close('qr-refs-ended')], showingQr).machine;
    expect(expired).toMatchObject({ state: 'qr-expired', phase: 'resting' });
    const { machine, effects } = step(expired, REQUEST_QR, { nowMs: NOW, random: () => 0 });
    expect(effects).toEqual([{ kind: 'open-socket', credentials: 'fresh' }]);
    expect(machine).toMatchObject({ state: 'starting', phase: 'opening' });
    expect(machine.ending).toBeUndefined();
  });

  test.each([
    ['a QR is shown', showingQr],
    ['the socket is being opened', run([START]).machine],
    ['the phone has accepted', linked],
    ['it is connected', connected],
  ])('changes nothing while %s', (_, machine) => {
    expect(run([REQUEST_QR], machine)).toEqual({ machine, events: [], effects: [] });
  });

  test('does not wait for a retry that is due later', () => {
    expect(run([REQUEST_QR], waiting).effects).toEqual(['cancel-retry', 'open-socket']);
  });

  test.each([
    ['replaced', [close('replaced')]],
    ['client-outdated', [close('client-outdated'), close('client-outdated')]],
  ] as const)('takes a session up again that rests as %s', (state, closes) => {
    const resting = run(closes, connected);
    expect(resting).toMatchObject({ events: [state], machine: { phase: 'resting', state } });
    const { effects, machine } = step(resting.machine, REQUEST_QR, { nowMs: NOW, random: () => 0 });
    expect(effects).toEqual([{ kind: 'open-socket', credentials: 'kept' }]);
    expect(machine.versionRenewed).toBe(false);
  });
});

describe('start', () => {
  test.each([
    ['is connected', connected],
    ['shows a QR', showingQr],
    ['waits for a retry', waiting],
    ['rests after its QRs', run([close('qr-refs-ended')], showingQr).machine],
    ['was replaced', run([close('replaced')], connected).machine],
    ['is over', run([close('forbidden')], connected).machine],
  ])('changes nothing when the session %s', (_, machine) => {
    expect(run([START], machine)).toEqual({ machine, events: [], effects: [] });
  });

  test('keeps the credentials of a linked session and makes new ones for any other', () => {
    const effectsOf = (machine: Machine) => step(machine, START, { nowMs: NOW, random: () => 0 }).effects;
    expect(effectsOf(initialMachine(true, account))).toEqual([{ kind: 'open-socket', credentials: 'kept' }]);
    expect(effectsOf(initialMachine(false))).toEqual([{ kind: 'open-socket', credentials: 'fresh' }]);
  });
});

describe('a close', () => {
  test('of a connected session says when it is tried again', () => {
    expect(waiting).toMatchObject({
      state: 'disconnected',
      phase: 'waiting',
      ending: { reason: 'connection-closed', willRetry: true, retryAt: NOW + 500 },
    });
    expect(run([RETRY_DUE], waiting)).toMatchObject({ events: [], effects: ['open-socket'] });
  });

  test('after a retry waits longer, until the session has been open for five minutes', () => {
    const again = run([RETRY_DUE, OPEN, close('connection-closed')], waiting).machine;
    expect(again.ending?.retryAt).toBe(NOW + 1000);
    const reopened = run([RETRY_DUE, OPEN], again).machine;
    const soon = run([close('connection-closed')], reopened, NOW + 299_999).machine;
    expect(soon.ending?.retryAt).toBe(NOW + 299_999 + 2000);
    const later = run([close('connection-closed')], reopened, NOW + 300_000).machine;
    expect(later.ending?.retryAt).toBe(NOW + 300_000 + 500);
  });

  test.each([
    ['logged-out', 'logged-out'],
    ['forbidden', 'failed'],
  ] as const)('%s ends a linked session; its credentials go when the event is stored', (reason, state) => {
    const { machine, event, effects } = step(connected, close(reason), { nowMs: NOW, random: () => 0 });
    expect(machine).toMatchObject({ state, phase: 'ended', ending: { reason, willRetry: false } });
    expect(event).toBe(state);
    expect(effects).toEqual([{ kind: 'release', discard: true }]);
  });

  test('401 before linking starts again with new credentials and without a word', () => {
    const { machine, effects } = step(run([START]).machine, close('logged-out'), { nowMs: NOW, random: () => 0 });
    expect(effects).toEqual([{ kind: 'open-socket', credentials: 'fresh' }]);
    expect(machine).toMatchObject({ state: 'starting', phase: 'opening' });
  });

  test('between linked and the first login keeps the credentials', () => {
    const { machine } = run([close('connection-closed')], linked);
    expect(step(machine, RETRY_DUE, { nowMs: NOW, random: () => 0 }).effects).toEqual([
      { kind: 'open-socket', credentials: 'kept' },
    ]);
  });

  test('for an outdated client renews the version once, silently, and rests when that was not enough', () => {
    const first = step(connected, close('client-outdated'), { nowMs: NOW, random: () => 0 });
    expect(first.event).toBeUndefined();
    expect(first.effects).toEqual([{ kind: 'open-socket', credentials: 'kept', renewVersion: true }]);
    expect(run([OPEN], first.machine).events).toEqual([]);
    expect(run([close('client-outdated')], first.machine)).toMatchObject({
      events: ['client-outdated'],
      machine: { state: 'client-outdated', phase: 'resting' },
    });
    // Another day: it worked in between.
    const again = step(run([OPEN], first.machine).machine, close('client-outdated'), { nowMs: NOW, random: () => 0 });
    expect(again.effects).toMatchObject([{ renewVersion: true }]);
  });

  test('that WhatsApp asked for leaves a connected session connected, without an event on the way', () => {
    const { machine, events } = run([close('restart-required'), OPEN], connected);
    expect(events).toEqual([]);
    expect(machine).toMatchObject({ state: 'connected', phase: 'open' });
  });

  test('of a restart that fails is a disconnect', () => {
    expect(run([close('restart-required'), close('unreachable')], connected).events).toEqual(['disconnected']);
  });

  test('of an unlinked session that never gets anywhere ends it', () => {
    const inputs = Array.from({ length: 11 }, () => [close('unreachable'), RETRY_DUE]).flat();
    const { machine, events } = run([START, ...inputs]);
    expect(events).toEqual(['starting', ...Array.from({ length: 10 }, () => 'disconnected'), 'failed']);
    expect(machine.phase).toBe('ended');
  });

  test.each([
    ['rests', run([close('qr-refs-ended')], showingQr).machine],
    ['waits', waiting],
    ['is over', run([close('forbidden')], connected).machine],
  ])('that comes late changes nothing when the session %s', (_, machine) => {
    expect(run([close('logged-out')], machine)).toEqual({ machine, events: [], effects: [] });
  });
});

describe('logout', () => {
  test('of an open session tells WhatsApp first, and whatever closes the socket then is the logout', () => {
    for (const reason of ['logout-requested', 'connection-closed', 'logged-out'] as const) {
      const { machine, events, effects } = run([LOGOUT, close(reason)], connected);
      expect(effects).toEqual(['tell-logout', 'release']);
      expect(events).toEqual(['logged-out']);
      expect(machine.ending).toEqual({ reason: 'logout', willRetry: false });
    }
  });

  test('of a closed session opens it for that, without saying connected on the way', () => {
    const { events, effects } = run([LOGOUT, OPEN, close('logout-requested')], waiting);
    expect(effects).toEqual(['cancel-retry', 'open-socket', 'tell-logout', 'release']);
    expect(events).toEqual(['logged-out']);
  });

  test('is final even when WhatsApp cannot be told', () => {
    expect(run([LOGOUT, close('unreachable')], waiting).events).toEqual(['logged-out']);
  });

  test('asked twice is told once', () => {
    expect(run([LOGOUT, LOGOUT], connected).effects).toEqual(['tell-logout']);
  });

  test('of a session that was never linked closes it', () => {
    expect(run([LOGOUT], showingQr)).toMatchObject({
      events: ['logged-out'],
      effects: ['cancel-retry', 'close-socket', 'release'],
    });
  });
});

describe('unreadable credentials', () => {
  const blocked = run([{ kind: 'credentials-unreadable' }], initialMachine(true, account));

  test('fail the session and are kept: the key may only be the wrong one', () => {
    expect(blocked).toMatchObject({ events: ['failed'], effects: [], machine: { phase: 'blocked', state: 'failed' } });
    expect(blocked.machine.ending?.reason).toBe('credentials-unreadable');
  });

  test.each([START, REQUEST_QR, QR, OPEN, RETRY_DUE, close('logged-out')])('are not touched by %j', (input) => {
    expect(run([input], blocked.machine)).toEqual({ machine: blocked.machine, events: [], effects: [] });
  });

  test('go when somebody logs out', () => {
    expect(run([LOGOUT], blocked.machine)).toMatchObject({ events: ['logged-out'], effects: ['release'] });
  });
});

describe('a session that rests too long', () => {
  test('is given up silently when it was never linked', () => {
    const { machine, event, effects } = step(
      run([close('qr-refs-ended')], showingQr).machine,
      { kind: 'idle-too-long' },
      { nowMs: NOW, random: () => 0 },
    );
    expect({ event, effects }).toEqual({ event: undefined, effects: [{ kind: 'release', discard: false }] });
    expect(machine).toMatchObject({ phase: 'ended', state: 'qr-expired' });
  });

  test.each([
    ['linked', run([close('replaced')], connected).machine],
    ['showing a QR', showingQr],
    ['waiting', waiting],
  ])('stays when it is %s', (_, machine) => {
    expect(run([{ kind: 'idle-too-long' }], machine)).toEqual({ machine, events: [], effects: [] });
  });
});

test('nothing moves a session that is over', () => {
  const { machine } = run([close('forbidden')], connected);
  const inputs: Input[] = [START, REQUEST_QR, LOGOUT, QR, NEW_LOGIN, OPEN, RETRY_DUE, close('unknown')];
  expect(run(inputs, machine)).toEqual({ machine, events: [], effects: [] });
});

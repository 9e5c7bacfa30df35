import { describe, expect, test } from 'vitest';
import { SESSION_STATES } from '../../../shared/contract/session-state.ts';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import { textsFor } from './language.ts';
import { initialModel, reduce, type OnboardingEvent } from './onboarding-model.ts';
import { secondsLeft, toView, type View } from './onboarding-view.ts';
import { STATE_LOOKS } from './state-look.ts';

const QR = { text: '2@ref,a,b,c', expiresIn: 20 };

function session(state: SessionStatePayload['state'], more: Partial<SessionStatePayload> = {}): OnboardingEvent {
  return { kind: 'session', payload: { state, sessionId: 'company_962302', ...more }, receivedAtMs: 0, via: 'socket' };
}

/** The view at `atMs` after events that all happened at 0. */
function viewAt(atMs: number, ...events: readonly OnboardingEvent[]): View {
  return toView(
    events.reduce((model, event) => reduce(model, event, 0), initialModel(0)),
    atMs,
  );
}

describe('a QR', () => {
  const shown = session('qr', { qr: QR });

  test('is shown with its countdown until the last moment', () => {
    expect(viewAt(19_999, shown)).toMatchObject({
      name: 'qr',
      qr: { text: QR.text, secondsLeft: 1, secondsTotal: 20 },
    });
  });

  test('is gone in the moment that it ends, and the next one is awaited', () => {
    expect(viewAt(20_000, shown)).toMatchObject({ name: 'qr-refreshing', qr: undefined, action: undefined });
  });

  test('that no other follows brings a way out', () => {
    expect(viewAt(28_000, shown)).toMatchObject({ name: 'qr-refreshing', note: 'slow', action: 'request-qr' });
  });

  test('longer than a QR symbol can hold is a failure that offers the code, never a frozen page', () => {
    const tooLong = session('qr', { qr: { text: 'x'.repeat(2_954), expiresIn: 20 } });
    expect(viewAt(1, tooLong)).toMatchObject({ name: 'failed', reason: 'QR_TOO_LONG', alternatives: ['enter-phone'] });
  });

  test('without a text is awaited, never drawn empty', () => {
    expect(viewAt(0, session('qr'))).toMatchObject({ name: 'qr-refreshing', qr: undefined });
  });

  test('is not shown while the socket is lost, nor after it was asked to be replaced', () => {
    expect(viewAt(1, shown, { kind: 'lost' })).toMatchObject({ name: 'reconnecting', qr: undefined });
    expect(viewAt(1, shown, { kind: 'qr-requested', isAutomatic: false })).toMatchObject({
      name: 'starting',
      qr: undefined,
    });
  });
});

describe('waiting', () => {
  test.each([
    ['for the first connection', [], { name: 'connecting', note: 'offline', action: 'reconnect' }],
    [
      'for a lost connection',
      [{ kind: 'opened' }, { kind: 'lost' }],
      { name: 'reconnecting', note: 'offline', action: 'reconnect' },
    ],
    ['for the first state', [{ kind: 'opened' }], { name: 'starting', note: 'slow', action: 'request-qr' }],
    ['for the first QR', [session('starting')], { name: 'starting', note: 'slow', action: 'request-qr' }],
  ] as const)('%s is quiet at first and honest after 15 s', (_what, events, slow) => {
    expect(viewAt(14_999, ...events)).toMatchObject({ name: slow.name, note: undefined, action: undefined });
    expect(viewAt(15_000, ...events)).toMatchObject(slow);
  });

  test('for a session that is known by its number offers no QR', () => {
    const view = viewAt(60_000, session('starting', { phone: '79990000001' }));
    expect(view).toMatchObject({ name: 'resuming', phone: '79990000001', action: undefined });
  });

  test('for a service that does not answer says so at once', () => {
    const silent = { kind: 'problem', problem: { kind: 'silent', code: 'NO_RESPONDER' } } as const;
    const events = [session('starting'), silent] as const;
    expect(viewAt(0, ...events)).toMatchObject({ name: 'starting', note: 'service-silent', action: 'request-qr' });
  });

  test('for the phone to finish asks to look at the phone', () => {
    expect(viewAt(15_000, session('linked'))).toMatchObject({ name: 'linked', note: 'keep-phone-near' });
  });
});

describe('a pairing code', () => {
  const code = { text: 'ABCD1234', phoneNumber: '79990000001', expiresIn: 50 };
  const shown = session('pairing-code', { code, epoch: 1, seq: 5 });
  const asked = { kind: 'code-requested', phoneNumber: '79990000001' } as const;

  test('is shown with its number and countdown until the last moment', () => {
    expect(viewAt(49_999, shown)).toMatchObject({
      name: 'pairing-code',
      phone: '79990000001',
      code: { text: 'ABCD1234', secondsLeft: 1, secondsTotal: 50 },
      alternatives: ['change-phone', 'use-qr'],
    });
  });

  test('is gone in the moment that it ends, with one button for the next', () => {
    const gone = { name: 'code-expired', code: undefined, action: 'request-code', phone: '79990000001' };
    expect(viewAt(50_000, shown)).toMatchObject(gone);
    expect(viewAt(1, shown, session('starting', { epoch: 1, seq: 5 }))).toMatchObject(gone);
    expect(viewAt(1, shown, session('qr', { qr: QR }))).toMatchObject(gone);
    expect(viewAt(1, shown, session('qr-expired'))).toMatchObject(gone);
  });

  test('that was cut off before its use is awaited anew, for a while', () => {
    const restarted = [shown, session('starting', { epoch: 1, seq: 6 })];
    expect(viewAt(14_999, ...restarted)).toMatchObject({ name: 'code-awaited', note: undefined });
    expect(viewAt(15_000, ...restarted)).toMatchObject({ name: 'code-expired', action: 'request-code' });
  });

  test('is awaited quietly at first, then with a way out', () => {
    expect(viewAt(14_999, { kind: 'opened' }, asked)).toMatchObject({ name: 'code-awaited', action: undefined });
    expect(viewAt(15_000, { kind: 'opened' }, asked)).toMatchObject({ note: 'slow', action: 'request-code' });
  });

  test('that a silent service keeps back is said at once', () => {
    const silent = { kind: 'problem', problem: { kind: 'silent', code: 'NO_RESPONDER' } } as const;
    expect(viewAt(0, { kind: 'opened' }, asked, silent)).toMatchObject({
      name: 'code-awaited',
      note: 'service-silent',
    });
  });

  test('is not shown while the socket is lost', () => {
    expect(viewAt(1, shown, { kind: 'lost' })).toMatchObject({ name: 'reconnecting', code: undefined });
  });

  test('leaves the QR to somebody who has chosen it', () => {
    const both = session('pairing-code', { code, qr: QR });
    expect(viewAt(1, { kind: 'qr-chosen' }, both)).toMatchObject({ name: 'qr', code: undefined });
  });
});

describe('the form for the phone number', () => {
  test('opens from the QR, keeps the last number and says what was wrong with it', () => {
    const asked = { kind: 'code-requested', phoneNumber: '79990000001' } as const;
    const refused = { kind: 'code-refused', code: 'PAIRING_CODE_FAILED' } as const;
    expect(viewAt(0, session('qr', { qr: QR }), asked, refused)).toMatchObject({
      name: 'phone-number',
      form: { error: 'PAIRING_CODE_FAILED', phone: '79990000001', isBlocked: false },
      alternatives: ['use-qr'],
    });
  });

  test('stays while the line is gone, and cannot be sent', () => {
    expect(viewAt(0, { kind: 'phone-asked' }, { kind: 'lost' })).toMatchObject({
      name: 'phone-number',
      form: { isBlocked: true },
      note: 'form-waits',
    });
  });

  test.each(['linked', 'connected'] as const)('gives way when the session is %s', (state) => {
    expect(viewAt(0, { kind: 'phone-asked' }, session(state)).name).toBe(state);
  });
});

describe('a gateway that is cut off from what happens', () => {
  const cutOff = { kind: 'live', isLive: false } as const;
  const opened = { kind: 'opened' } as const;

  test('shows no QR, and the same one again afterwards', () => {
    const shown = session('qr', { qr: QR });
    expect(viewAt(1, opened, shown, cutOff)).toMatchObject({ name: 'reconnecting', qr: undefined, note: undefined });
    expect(viewAt(1, opened, shown, cutOff, { kind: 'live', isLive: true })).toMatchObject({ name: 'qr' });
  });

  test('is said to be silent after 15 s, with nothing to press', () => {
    const view = viewAt(15_000, opened, session('linked'), cutOff);
    expect(view).toMatchObject({ name: 'reconnecting', note: 'service-silent', action: undefined });
  });

  test('leaves a connected salon connected', () => {
    expect(viewAt(1, opened, session('connected'), cutOff)).toMatchObject({ name: 'connected', note: 'retrying' });
  });
});

test('requests that come too fast are asked to wait', () => {
  const limited = { kind: 'problem', problem: { kind: 'limited', code: 'TOO_MANY_REQUESTS' } } as const;
  expect(viewAt(0, session('qr-expired'), limited)).toMatchObject({ name: 'qr-expired', note: 'too-many-requests' });
});

test('a browser without a network is told at once', () => {
  expect(viewAt(0, { kind: 'network', isOffline: true }, { kind: 'lost' })).toMatchObject({ note: 'offline' });
});

describe('a connected salon', () => {
  const connected = session('connected', { phone: '79990000001' });

  test('sees its number', () => {
    expect(viewAt(0, connected)).toMatchObject({ name: 'connected', phone: '79990000001', note: undefined });
  });

  test('stays connected on a page whose link has expired, which says that it is no longer updated', () => {
    const view = viewAt(0, connected, { kind: 'refused', refusal: 'token-expired' });
    expect(view).toMatchObject({ name: 'connected', note: 'no-longer-updated' });
  });

  test('stays connected on the page while only the page lost its socket', () => {
    expect(viewAt(60_000, connected, { kind: 'lost' })).toMatchObject({ name: 'connected', note: 'retrying' });
  });
});

test('a request that is refused for good ends the wait, with the code for support', () => {
  const refused = { kind: 'problem', problem: { kind: 'refused', code: 'CREDENTIALS_UNREADABLE' } } as const;
  expect(viewAt(0, session('starting'), refused)).toMatchObject({ name: 'failed', reason: 'CREDENTIALS_UNREADABLE' });
  expect(viewAt(0, session('connected'), refused)).toMatchObject({ name: 'connected', reason: undefined });
});

describe('a lost connection to WhatsApp', () => {
  test('counts down to the next attempt and offers no button that would undo it', () => {
    const view = viewAt(1_000, session('disconnected', { willRetry: true, retryAt: 5_000 }));
    expect(view).toMatchObject({ name: 'disconnected', retryInSeconds: 4, action: undefined });
  });

  test('that nobody retries offers the button', () => {
    expect(viewAt(0, session('disconnected', { willRetry: false }))).toMatchObject({ action: 'resume' });
  });
});

test.each([
  ['qr-expired', 'request-qr'],
  ['logged-out', 'request-qr'],
  ['passkey-required', 'other-phone'],
  ['failed', 'request-qr'],
  ['replaced', 'resume'],
  ['client-outdated', 'resume'],
] as const)('%s offers %s and passes the reason on to support', (state, action) => {
  expect(viewAt(0, session(state, { reason: 'r' }))).toMatchObject({ name: state, action, reason: 'r' });
});

test.each(['token-missing', 'token-expired', 'token-invalid'] as const)(
  '%s offers nothing that could not help',
  (refusal) => {
    expect(viewAt(60_000, { kind: 'refused', refusal })).toMatchObject({
      name: refusal,
      action: undefined,
      note: undefined,
    });
  },
);

test.each(SESSION_STATES)('%s has words in both languages and a look', (state) => {
  const { name } = viewAt(0, session(state));
  expect(STATE_LOOKS[name]).toBeDefined();
  for (const language of ['ru', 'en'] as const) expect(textsFor(language).states[name].title).not.toBe('');
});

test('a countdown reads one until the end and never goes below zero', () => {
  expect([0, 999, 1_000, 5_000].map((now) => secondsLeft(1_000, now))).toEqual([1, 1, 0, 0]);
});

import { describe, expect, test } from 'vitest';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import { initialModel, reduce, type OnboardingEvent, type OnboardingModel } from './onboarding-model.ts';
import { isRenewalDue } from './renewal.ts';

const WALL = 1_764_870_000_000;
const NUMBER = '79990000001';
const OTHER_NUMBER = '79990000002';
const QR = { text: '2@ref,a,b,c', expiresIn: 20 };
const CODE = { text: 'ABCD1234', phoneNumber: NUMBER, expiresIn: 50 };
const SILENT = { kind: 'silent', code: 'NO_RESPONDER' } as const;

function session(
  state: SessionStatePayload['state'],
  more: Partial<SessionStatePayload> = {},
  via: 'socket' | 'poll' = 'socket',
): OnboardingEvent {
  const payload = { state, sessionId: 'company_962302', ...more };
  return { kind: 'session', payload, receivedAtMs: WALL, via };
}

function after(...steps: readonly (readonly [atMs: number, event: OnboardingEvent])[]): OnboardingModel {
  return steps.reduce((model, [atMs, event]) => reduce(model, event, atMs), initialModel(0));
}

const asked = (phoneNumber = NUMBER): OnboardingEvent => ({ kind: 'code-requested', phoneNumber });
const renewed: OnboardingEvent = { kind: 'qr-requested', isAutomatic: true };
const requested: OnboardingEvent = { kind: 'qr-requested', isAutomatic: false };

describe('a lost socket', () => {
  test('takes QR and code away at once', () => {
    const model = after([1, session('pairing-code', { qr: QR, code: CODE })], [2, { kind: 'lost' }]);
    expect(model).toMatchObject({ link: 'lost', session: undefined, qrEndsAtMs: undefined, codeEndsAtMs: undefined });
  });

  test('leaves a connected page connected', () => {
    const model = after([1, session('connected', { phone: NUMBER })], [2, { kind: 'lost' }]);
    expect(model).toMatchObject({ link: 'lost', session: { state: 'connected' } });
  });

  test('counts its time from the first loss, however many attempts fail', () => {
    expect(after([0, { kind: 'opened' }], [5, { kind: 'lost' }], [900, { kind: 'lost' }]).sinceMs).toBe(5);
  });

  test('ends an unanswered request', () => {
    expect(after([0, requested], [1, { kind: 'lost' }]).request).toBeUndefined();
  });

  test('keeps what the person chose and typed', () => {
    const model = after([0, asked()], [1, { kind: 'phone-asked' }], [2, { kind: 'lost' }], [3, { kind: 'opened' }]);
    expect(model).toMatchObject({ way: 'code', isEnteringPhone: true, codePhone: NUMBER });
  });

  test('shows the same state again after the reconnect', () => {
    const first = session('qr-expired', { epoch: 2, seq: 9 });
    const model = after([1, first], [2, { kind: 'lost' }], [3, { kind: 'opened' }], [4, first]);
    expect(model).toMatchObject({ link: 'open', session: { state: 'qr-expired' } });
  });
});

test('a gateway that is cut off leaves the state where it is: nothing repeats it when the line is back', () => {
  const model = after([0, session('qr', { qr: QR })], [1, { kind: 'live', isLive: false }]);
  expect(model).toMatchObject({ isLive: false, session: { state: 'qr' } });
  expect(reduce(model, { kind: 'opened' }, 2).isLive).toBe(true);
});

test('a request that was dropped for coming too soon is not under way any more', () => {
  const limited: OnboardingEvent = { kind: 'problem', problem: { kind: 'limited', code: 'TOO_MANY_REQUESTS' } };
  expect(after([0, asked()], [1, limited]).request).toBeUndefined();
});

describe('a polled state', () => {
  test('of a connected salon is shown, though the socket is away', () => {
    const model = after([0, { kind: 'lost' }], [1, session('connected', { phone: NUMBER }, 'poll')]);
    expect(model).toMatchObject({ link: 'lost', session: { state: 'connected' } });
  });

  test('that is no longer connected takes the achievement back', () => {
    const model = after([0, session('connected')], [1, { kind: 'lost' }], [2, session('logged-out', {}, 'poll')]);
    expect(model).toMatchObject({ link: 'lost', session: undefined });
  });

  test('of anything else changes nothing: without its socket the page can do nothing about it', () => {
    const lost = after([0, { kind: 'lost' }]);
    expect(reduce(lost, session('qr', {}, 'poll'), 1)).toBe(lost);
  });
});

describe('the life of a QR', () => {
  test('begins at its arrival', () => {
    expect(after([1_000, session('qr', { qr: QR })]).qrEndsAtMs).toBe(21_000);
  });

  test('is not prolonged by a repeat that was under way for longer', () => {
    const model = after([1_000, session('qr', { qr: QR })], [9_000, session('qr', { qr: QR })]);
    expect(model.qrEndsAtMs).toBe(21_000);
  });

  test('is shortened by a repeat that knows better', () => {
    const model = after([1_000, session('qr', { qr: QR })], [2_000, session('qr', { qr: { ...QR, expiresIn: 3 } })]);
    expect(model.qrEndsAtMs).toBe(5_000);
  });

  test('ends with a state that has lost its QR, and the page goes on waiting for the next one', () => {
    const place = { epoch: 2, seq: 7 };
    const model = after([1_000, session('qr', { ...place, qr: QR })], [18_000, session('starting', place)]);
    expect(model).toMatchObject({ session: { state: 'qr' }, qrEndsAtMs: 18_000 });
  });

  test('ends with a start that came after it', () => {
    const model = after(
      [1_000, session('qr', { epoch: 2, seq: 7, qr: QR })],
      [2_000, session('starting', { epoch: 2, seq: 8 })],
    );
    expect(model).toMatchObject({ session: { state: 'starting' }, qrEndsAtMs: undefined });
  });

  test('is its own for the next QR', () => {
    const next = session('qr', { qr: { text: '2@next', expiresIn: 20 } });
    expect(after([1_000, session('qr', { qr: QR })], [19_000, next]).qrEndsAtMs).toBe(39_000);
  });
});

describe('a pairing code', () => {
  test('that comes unasked, as after a reload, makes the page a page of codes', () => {
    const model = after([1_000, session('pairing-code', { code: CODE })]);
    expect(model).toMatchObject({ way: 'code', codePhone: NUMBER, codeEndsAtMs: 51_000 });
  });

  test('that another tab asked for leaves a page alone whose owner has chosen the QR', () => {
    const model = after([0, { kind: 'qr-chosen' }], [1, session('pairing-code', { qr: QR, code: CODE })]);
    expect(model.way).toBe('qr');
  });

  test('is still awaited while the session starts anew and shows QRs', () => {
    const model = after([0, asked()], [1, session('starting')], [2, session('qr', { qr: QR })]);
    expect(model.request).toMatchObject({ kind: 'code', phoneNumber: NUMBER });
  });

  test('for another number than the one just asked for is no answer when it was shown before', () => {
    const old = session('pairing-code', { code: CODE });
    const model = after([0, old], [1, asked(OTHER_NUMBER)], [2, old]);
    expect(model).toMatchObject({ request: { phoneNumber: OTHER_NUMBER }, codePhone: OTHER_NUMBER });
  });

  test('that repeats the valid one for the same number is an answer', () => {
    const old = session('pairing-code', { code: CODE });
    expect(after([0, old], [1, asked()], [2, old]).request).toBeUndefined();
  });

  test('is answered by every end of the session', () => {
    expect(after([0, asked()], [1, session('passkey-required')]).request).toBeUndefined();
    expect(after([0, asked()], [1, session('linked')])).toMatchObject({ request: undefined, way: undefined });
  });

  test('ends when the gateway takes it out of the state, and not before its time is prolonged by a repeat', () => {
    const place = { epoch: 2, seq: 7 };
    const shown = session('pairing-code', { ...place, code: CODE });
    expect(after([0, shown], [9_000, shown]).codeEndsAtMs).toBe(50_000);
    expect(after([0, shown], [9_000, session('starting', place)])).toMatchObject({
      session: { state: 'pairing-code' },
      codeEndsAtMs: 9_000,
    });
  });

  test('that is refused opens the form with the reason', () => {
    const model = after([0, asked()], [1, session('starting')], [2, { kind: 'code-refused', code: 'BAILEYS_ERROR' }]);
    expect(model).toMatchObject({ request: undefined, isEnteringPhone: true, codeError: 'BAILEYS_ERROR' });
  });

  test('refused to another tab leaves the QR where it is', () => {
    const model = after([0, session('qr', { qr: QR })]);
    expect(reduce(model, { kind: 'code-refused', code: 'BAILEYS_ERROR' }, 1)).toBe(model);
  });

  test('asked for again clears the complaint about the last attempt', () => {
    const model = after([0, { kind: 'phone-rejected', code: 'PHONE_REQUIRED' }], [1, asked()]);
    expect(model).toMatchObject({ codeError: undefined, isEnteringPhone: false });
  });
});

test.each([
  ['in the past', -5_000],
  ['beyond any retry policy', 3_600_000],
])('the time of the next attempt is not believed when it is %s', (_case, offsetMs) => {
  expect(after([100, session('disconnected', { retryAt: WALL + offsetMs })]).retryAtMs).toBeUndefined();
});

test('the time of the next attempt moves from the wall clock of the event to the monotonic clock of the page', () => {
  expect(after([100, session('disconnected', { retryAt: WALL + 4_000 })]).retryAtMs).toBe(4_100);
});

describe('a request for a QR', () => {
  test('is answered by the next state, which also ends a complaint', () => {
    const model = after([1, session('qr-expired')], [2, requested], [3, { kind: 'problem', problem: SILENT }]);
    expect(model).toMatchObject({ request: { kind: 'qr' }, problem: SILENT });
    expect(reduce(model, session('starting'), 4)).toMatchObject({ request: undefined, problem: undefined });
  });

  test('is not answered by the very event that it was about', () => {
    const expired = session('qr-expired', { epoch: 2, seq: 9 });
    expect(after([1, expired], [2, requested], [3, expired]).request).toEqual({ kind: 'qr' });
  });

  test('starts the patience of the page anew', () => {
    expect(after([1, session('starting')], [40_000, requested]).sinceMs).toBe(40_000);
  });
});

describe('the page asks for a new QR by itself', () => {
  const expired = session('qr-expired');
  const open = { kind: 'opened' } as const;

  test('when the QRs ran out while somebody looks at it, three times', () => {
    let model = after([0, open], [1, expired]);
    for (const expectation of [true, true, true, false]) {
      expect(isRenewalDue(model, true)).toBe(expectation);
      model = [renewed, session('qr', { qr: QR }), expired].reduce((each, event) => reduce(each, event, 2), model);
    }
  });

  test('again after a person asked', () => {
    const model = after(
      [0, open],
      [1, renewed],
      [2, renewed],
      [3, renewed],
      [4, expired],
      [5, requested],
      [6, expired],
    );
    expect(isRenewalDue(model, true)).toBe(true);
  });

  test('not while nobody looks, but at once when somebody does', () => {
    const model = after([0, open], [1, expired]);
    expect([isRenewalDue(model, false), isRenewalDue(model, true)]).toEqual([false, true]);
  });

  test.each([
    ['while one is under way', [renewed]],
    ['when the service does not answer', [{ kind: 'problem', problem: SILENT }]],
    ['without a socket', [{ kind: 'lost' }]],
    ['under the hands of somebody who types a number', [{ kind: 'phone-asked' }]],
  ] as const)('not %s', (_when, events) => {
    const model = after([0, open], [1, expired], ...events.map((event) => [2, event] as const));
    expect(isRenewalDue(model, true)).toBe(false);
  });

  test('not for somebody who links by code', () => {
    expect(isRenewalDue(after([0, open], [1, session('pairing-code', { code: CODE })], [2, expired]), true)).toBe(
      false,
    );
  });

  test.each(['failed', 'logged-out', 'replaced'] as const)('not after %s: that is for a person to decide', (state) => {
    expect(isRenewalDue(after([0, open], [1, session(state)]), true)).toBe(false);
  });
});

test('a refusal takes the QR away, and leaves what was achieved', () => {
  const expired: OnboardingEvent = { kind: 'refused', refusal: 'token-expired' };
  expect(after([1, session('qr', { qr: QR })], [2, expired])).toMatchObject({
    link: 'token-expired',
    session: undefined,
  });
  expect(after([1, session('connected')], [2, expired])).toMatchObject({ session: { state: 'connected' } });
});

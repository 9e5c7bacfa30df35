import { describe, expect, test } from 'vitest';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import { initialModel, isAcceptable, reduce, type OnboardingEvent, type OnboardingModel } from './onboarding-model.ts';

const WALL = 1_764_870_000_000;

function payload(state: string, more: Partial<SessionStatePayload> = {}): SessionStatePayload {
  return { state: state as SessionStatePayload['state'], sessionId: 'company_962302', ...more };
}

function session(state: string, more: Partial<SessionStatePayload> = {}): OnboardingEvent {
  return { kind: 'session', payload: payload(state, more), wallClockMs: WALL };
}

function after(...steps: readonly (readonly [atMs: number, event: OnboardingEvent])[]): OnboardingModel {
  return steps.reduce((model, [atMs, event]) => reduce(model, event, atMs), initialModel(0));
}

const SILENT = { kind: 'silent', code: 'NO_RESPONDER' } as const;
const QR = { text: '2@ref,a,b,c', expiresIn: 20 };

describe('what may be shown', () => {
  test('is nothing older than what this page has seen, across epochs and within one', () => {
    const seen = { epoch: 3, seq: 5 };
    expect(isAcceptable(seen, payload('qr', { epoch: 3, seq: 4 }))).toBe(false);
    expect(isAcceptable(seen, payload('qr', { epoch: 2, seq: 99 }))).toBe(false);
    expect(isAcceptable(seen, payload('qr', { epoch: 3, seq: 5 }))).toBe(true);
    expect(isAcceptable(seen, payload('qr', { epoch: 4, seq: 1 }))).toBe(true);
  });

  test('is an event published by hand, which has no position', () => {
    expect(isAcceptable({ epoch: 3, seq: 5 }, payload('connected'))).toBe(true);
  });

  test('is no state that this page does not know', () => {
    expect(isAcceptable(undefined, payload('levitating', { epoch: 9, seq: 9 }))).toBe(false);
  });

  test('an older state changes nothing, not even the time since when the page waits', () => {
    const model = after([10, session('connected', { epoch: 2, seq: 7, phone: '79990000001' })]);
    expect(reduce(model, session('qr', { epoch: 2, seq: 6, qr: QR }), 20)).toBe(model);
  });

  test('a state by hand keeps the mark, so that older ones stay out afterwards', () => {
    const model = after([1, session('qr', { epoch: 2, seq: 7, qr: QR })], [2, session('connected')]);
    expect(model.seen).toEqual({ epoch: 2, seq: 7 });
    expect(reduce(model, session('starting', { epoch: 2, seq: 6 }), 3)).toBe(model);
  });
});

describe('a lost socket', () => {
  test('takes the QR away at once and remembers what was seen', () => {
    const model = after(
      [0, { kind: 'opened' }],
      [1, session('qr', { epoch: 2, seq: 7, qr: QR })],
      [2, { kind: 'lost' }],
    );
    expect(model).toMatchObject({
      link: 'lost',
      session: undefined,
      qrEndsAtMs: undefined,
      seen: { epoch: 2, seq: 7 },
    });
  });

  test('leaves a connected page connected', () => {
    const model = after([1, session('connected', { phone: '79990000001' })], [2, { kind: 'lost' }]);
    expect(model).toMatchObject({ link: 'lost', session: { state: 'connected' } });
  });

  test('counts its time from the first loss, however many attempts fail', () => {
    expect(after([0, { kind: 'opened' }], [5, { kind: 'lost' }], [900, { kind: 'lost' }]).sinceMs).toBe(5);
  });

  test('ends an unanswered request for a QR', () => {
    expect(after([0, { kind: 'requested' }], [1, { kind: 'lost' }]).isRequesting).toBe(false);
  });

  test('shows the same state again after the reconnect, because its position is not older', () => {
    const first = session('qr-expired', { epoch: 2, seq: 9 });
    const model = after([1, first], [2, { kind: 'lost' }], [3, { kind: 'opened' }], [4, first]);
    expect(model).toMatchObject({ link: 'open', session: { state: 'qr-expired' } });
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

describe('the time of the next attempt', () => {
  test.each([
    ['in the past', -5_000],
    ['beyond any retry policy', 3_600_000],
  ])('is not believed when it is %s', (_case, offsetMs) => {
    expect(after([100, session('disconnected', { retryAt: WALL + offsetMs })]).retryAtMs).toBeUndefined();
  });

  test('moves from the wall clock of the event to the monotonic clock of the page', () => {
    expect(after([100, session('disconnected', { retryAt: WALL + 4_000 })]).retryAtMs).toBe(4_100);
  });
});

describe('a request for a QR', () => {
  test('is answered by the next state, which also ends a complaint', () => {
    const asked = after(
      [1, session('qr-expired')],
      [2, { kind: 'requested' }],
      [3, { kind: 'problem', problem: SILENT }],
    );
    expect(asked).toMatchObject({ isRequesting: true, problem: SILENT });
    expect(reduce(asked, session('starting'), 4)).toMatchObject({ isRequesting: false, problem: undefined });
  });

  test('starts the patience of the page anew', () => {
    expect(after([1, session('starting')], [40_000, { kind: 'requested' }]).sinceMs).toBe(40_000);
  });
});

test('a refusal takes the QR away, and leaves what was achieved', () => {
  const expired: OnboardingEvent = { kind: 'refused', refusal: 'link-expired' };
  expect(after([1, session('qr', { qr: QR })], [2, expired])).toMatchObject({
    link: 'link-expired',
    session: undefined,
  });
  expect(after([1, session('connected')], [2, expired])).toMatchObject({ session: { state: 'connected' } });
});

import { describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { EXPIRED, liveExpiry } from './expiry.ts';
import { toEmits, toSessionState } from './session-emits.ts';

const companyId = parseCompanyId('962302');
const base = { companyId, timestamp: 1_764_870_000_000 };
const qr = { text: '2@abc', expiresAt: 0, ttlMs: 20_000 };
const code = { text: 'ABCD1234', phoneNumber: '79990000001', expiresAt: 0, ttlMs: 50_000 };

function emitsOf(event: SessionEvent, nowMs = 0) {
  return toEmits({ event, expiry: liveExpiry(event, 0) }, 'change', nowMs);
}

describe('toEmits', () => {
  test('a connect reaches existing clients before anything else, with exactly the fields that they know', () => {
    const event: SessionEvent = { ...base, type: 'connected', phoneNumber: '79990000001', epoch: 2, seq: 7 };
    expect(emitsOf(event)).toEqual([
      [
        'whatsapp-connected',
        {
          success: true,
          phone: '79990000001',
          sessionId: 'company_962302',
          message: 'WhatsApp успешно подключен!',
        },
      ],
      ['session-state', { state: 'connected', sessionId: 'company_962302', epoch: 2, seq: 7, phone: '79990000001' }],
    ]);
  });

  test('a browser that joins a connected session is told that it already was', () => {
    const event: SessionEvent = { ...base, type: 'connected', phoneNumber: '79990000001' };
    const [first] = toEmits({ event, expiry: liveExpiry(event, 0) }, 'snapshot', 0);
    expect(first).toEqual(['whatsapp-connected', expect.objectContaining({ message: 'WhatsApp уже подключен!' })]);
  });

  test('a QR goes out with the whole seconds that are left', () => {
    const event: SessionEvent = { ...base, type: 'qr', qr };
    expect(emitsOf(event, 4500)).toEqual([
      ['session-state', { state: 'qr', sessionId: 'company_962302', qr: { text: '2@abc', expiresIn: 15 } }],
      ['qr-update', { qr: '2@abc', expiresIn: 15 }],
    ]);
  });

  test('an expired QR goes out in no event: the page waits for the next one', () => {
    const event: SessionEvent = { ...base, type: 'qr', qr };
    for (const emits of [emitsOf(event, 20_000), toEmits({ event, expiry: EXPIRED }, 'snapshot', 0)]) {
      expect(emits).toEqual([['session-state', { state: 'starting', sessionId: 'company_962302' }]]);
    }
  });

  test('linked is not connected', () => {
    const event: SessionEvent = { ...base, type: 'linked', phoneNumber: '79990000001' };
    expect(emitsOf(event).map(([name]) => name)).toEqual(['session-state']);
  });

  test('a pairing code says for which phone it is and how long it is shown, and never looks connected', () => {
    const event: SessionEvent = { ...base, type: 'pairing-code', code, phoneNumber: '79990000001' };
    const [state, emit, ...others] = emitsOf(event, 4500);
    expect(state).toMatchObject(['session-state', { state: 'pairing-code' }]);
    expect(emit).toEqual(['pairing-code', { code: code.text, phoneNumber: code.phoneNumber, expiresIn: 45 }]);
    expect(others).toEqual([]);
  });

  test('an expired pairing code goes out in no event', () => {
    const event: SessionEvent = { ...base, type: 'pairing-code', code };
    expect(emitsOf(event, 50_000).map(([name]) => name)).toEqual(['session-state']);
  });

  test.each([
    ['PAIRING_CODE_FAILED', 'PAIRING_CODE_FAILED'],
    ['BAILEYS_ERROR', 'BAILEYS_ERROR'],
    ['A_CODE_OF_TOMORROW', 'PAIRING_CODE_FAILED'],
    ['toString', 'PAIRING_CODE_FAILED'],
  ])('why there is no pairing code is told by a code that clients know: %s', (given, told) => {
    const event: SessionEvent = { ...base, type: 'pairing-code-error', error: { code: given, message: 'internal' } };
    const [state, emit] = emitsOf(event);
    expect(state).toMatchObject(['session-state', { state: 'starting' }]);
    expect(emit).toEqual(['pairing-code-error', { code: told, message: expect.stringMatching(/[а-я]/) as string }]);
    const later = toEmits({ event, expiry: liveExpiry(event, 0) }, 'snapshot', 0);
    expect(later.map(([name]) => name)).toEqual(['session-state']);
  });

  test.each(['failed', 'client-outdated', 'passkey-required'] as const)(
    '%s is an error to clients that know no states',
    (type) => {
      const [state, error] = emitsOf({ ...base, type });
      expect(state).toEqual(['session-state', { state: type, sessionId: 'company_962302' }]);
      expect(error).toMatchObject(['error', { code: type }]);
    },
  );

  test.each(['starting', 'qr-expired', 'disconnected', 'replaced', 'logged-out'] as const)(
    '%s is no error: the page goes on waiting or offers the next step',
    (type) => {
      expect(emitsOf({ ...base, type }).map(([name]) => name)).toEqual(['session-state']);
    },
  );
});

describe('toSessionState', () => {
  test('the state field wins over what the type implies', () => {
    const event: SessionEvent = {
      ...base,
      type: 'pairing-code-error',
      state: 'qr',
      qr,
      error: { code: 'X', message: 'x' },
    };
    expect(toSessionState({ event, expiry: liveExpiry(event, 0) }, 0)).toMatchObject({ state: 'qr' });
  });

  test('an expired pairing code falls back to the QR that is still valid', () => {
    const event: SessionEvent = { ...base, type: 'pairing-code', code, qr: { ...qr, ttlMs: 60_000 } };
    const shown = { event, expiry: liveExpiry(event, 0) };
    expect(toSessionState(shown, 10_000)).toMatchObject({ state: 'pairing-code', code: { expiresIn: 40 } });
    expect(toSessionState(shown, 50_000)).toEqual({
      state: 'qr',
      sessionId: 'company_962302',
      qr: { text: '2@abc', expiresIn: 10 },
    });
  });

  test('why and when a disconnected session comes back is told', () => {
    const event: SessionEvent = { ...base, type: 'disconnected', reason: 'timed_out', willRetry: true, retryAt: 5 };
    expect(toSessionState({ event, expiry: liveExpiry(event, 0) }, 0)).toEqual({
      state: 'disconnected',
      sessionId: 'company_962302',
      reason: 'timed_out',
      willRetry: true,
      retryAt: 5,
    });
  });
});

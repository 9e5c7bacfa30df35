import { describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { liveExpiry, nextExpiryMs, storedExpiry } from './expiry.ts';

const wallMs = 1_764_870_000_000;
const companyId = parseCompanyId('962302');

function qrMadeAt(timestamp: number, ttlMs = 20_000): SessionEvent {
  return { type: 'qr', companyId, timestamp, qr: { text: '2@a', expiresAt: timestamp + ttlMs, ttlMs } };
}

test('a live QR lives its full time from receipt, whatever the clocks say', () => {
  expect(liveExpiry(qrMadeAt(wallMs - 3_600_000), 500)).toEqual({ qrUntilMs: 20_500, codeUntilMs: undefined });
});

describe('storedExpiry', () => {
  test.each([
    ['fresh, clocks agree', 0, 0, 20_000],
    ['four seconds old, clocks never compared', 4000, undefined, 16_000],
    ['made by a clock four seconds ahead, never compared: no longer than its time to live', -4000, undefined, 20_000],
    ['15 s old by the own clock, the owner is 5 s ahead: 20 s old', 15_000, 5000, 0],
    ['15 s old by the own clock, the owner is 5 s behind: 10 s old', 15_000, -5000, 10_000],
    ['an hour old', 3_600_000, 0, -3_580_000],
    ['an hour in the future by the own clock, the owner an hour ahead', -3_600_000, 3_600_000, 20_000],
  ])('%s', (_title, ageMs, offsetMs, remainingMs) => {
    expect(storedExpiry(qrMadeAt(wallMs - ageMs), { nowMs: 0, wallMs, offsetMs })).toEqual({
      qrUntilMs: remainingMs,
      codeUntilMs: undefined,
    });
  });

  test.each([6000, -6000])('%d ms old with clocks never compared: only the owner can say', (ageMs) => {
    expect(storedExpiry(qrMadeAt(wallMs - ageMs), { nowMs: 0, wallMs, offsetMs: undefined })).toBe('unknown');
  });

  test('an event without a QR never expires and needs no clock', () => {
    const event: SessionEvent = { type: 'connected', companyId, timestamp: 1, phoneNumber: '79990000001' };
    expect(storedExpiry(event, { nowMs: 0, wallMs, offsetMs: undefined })).toEqual({
      qrUntilMs: undefined,
      codeUntilMs: undefined,
    });
  });
});

test('the next expiry is the nearest one ahead', () => {
  expect(nextExpiryMs({ qrUntilMs: 30, codeUntilMs: 20 }, 10)).toBe(20);
  expect(nextExpiryMs({ qrUntilMs: 30, codeUntilMs: 20 }, 20)).toBe(30);
  expect(nextExpiryMs({ qrUntilMs: 30, codeUntilMs: undefined }, 30)).toBeUndefined();
  expect(nextExpiryMs({ qrUntilMs: undefined, codeUntilMs: undefined }, 0)).toBeUndefined();
});

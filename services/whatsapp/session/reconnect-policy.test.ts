import { describe, expect, test } from 'vitest';
import { CLOSE_REASONS, type CloseReason } from './close-reason.ts';
import { MAX_UNLINKED_ATTEMPTS, decideAfterClose } from './reconnect-policy.ts';

function decide(reason: CloseReason, { attempt = 0, linked = true, versionRenewed = false, random = 0 } = {}) {
  return decideAfterClose({ reason, attempt, linked, versionRenewed, random: () => random });
}

const FINAL = ['logged-out', 'logout-requested', 'forbidden', 'replaced', 'client-outdated'];
const TRANSIENT = CLOSE_REASONS.filter((reason) => !FINAL.includes(reason) && reason !== 'restart-required');

describe('a linked session', () => {
  test.each(TRANSIENT)('is retried after %s, however often', (reason) => {
    expect(decide(reason)).toEqual({ kind: 'retry', delayMs: 500 });
    expect(decide(reason, { attempt: 1000 })).toEqual({ kind: 'retry', delayMs: 30_000 });
  });

  test.each([
    ['logged-out', { kind: 'end', state: 'logged-out' }],
    ['logout-requested', { kind: 'end', state: 'logged-out' }],
    ['forbidden', { kind: 'end', state: 'failed' }],
    ['replaced', { kind: 'rest', state: 'replaced' }],
    ['client-outdated', { kind: 'restart', delayMs: 0, renewVersion: true }],
    ['restart-required', { kind: 'restart', delayMs: 0, renewVersion: false }],
  ] as const)('%s means %j', (reason, verdict) => {
    expect(decide(reason)).toEqual(verdict);
  });

  test('restarts in a row back off', () => {
    expect(decide('restart-required', { attempt: 3 })).toMatchObject({ kind: 'restart', delayMs: 4000 });
  });

  test('the wait doubles up to a minute, with jitter over its upper half', () => {
    const waits = [0, 1, 2, 5, 6, 40].map((attempt) => decide('connection-closed', { attempt, random: 0.999_999 }));
    expect(waits.map((verdict) => 'delayMs' in verdict && verdict.delayMs)).toEqual([
      1000, 2000, 4000, 32_000, 60_000, 60_000,
    ]);
  });
});

test.each([true, false])('a client that stays outdated with its newest version rests: linked %s', (linked) => {
  const verdict = decide('client-outdated', { linked, versionRenewed: true, attempt: 1 });
  expect(verdict).toEqual({ kind: 'rest', state: 'client-outdated' });
});

describe('a session that was never linked', () => {
  test('rests when its QRs are used up', () => {
    expect(decide('qr-refs-ended', { linked: false })).toEqual({ kind: 'rest', state: 'qr-expired' });
  });

  test('a 401 is cured by new credentials at once, and only once', () => {
    expect(decide('logged-out', { linked: false })).toMatchObject({ kind: 'restart', delayMs: 0 });
    expect(decide('logged-out', { linked: false, attempt: 1 })).toEqual({ kind: 'retry', delayMs: 1000 });
  });

  test.each(TRANSIENT.filter((reason) => reason !== 'qr-refs-ended'))('is given up after many %s', (reason) => {
    expect(decide(reason, { linked: false, attempt: MAX_UNLINKED_ATTEMPTS - 1 }).kind).toBe('retry');
    expect(decide(reason, { linked: false, attempt: MAX_UNLINKED_ATTEMPTS })).toEqual({ kind: 'end', state: 'failed' });
  });
});

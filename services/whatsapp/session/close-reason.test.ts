import { describe, expect, test } from 'vitest';
import { toCloseReason } from './close-reason.ts';

describe('toCloseReason', () => {
  test.each([
    [515, 'Stream Errored (restart required)', 'restart-required'],
    [408, 'QR refs attempts ended', 'qr-refs-ended'],
    [408, 'Connection was lost', 'connection-lost'],
    [408, 'Timed Out', 'timed-out'],
    [401, 'Stream Errored (conflict)', 'logged-out'],
    [401, 'Connection Failure', 'logged-out'],
    [401, 'Intentional Logout', 'logout-requested'],
    [403, 'Connection Failure', 'forbidden'],
    [405, 'Connection Failure', 'client-outdated'],
    [411, 'Multi-device beta not joined', 'multidevice-mismatch'],
    [428, 'Connection Terminated', 'connection-closed'],
    [428, 'Connection Terminated by Server', 'connection-closed'],
    [440, 'Stream Errored (conflict)', 'replaced'],
    [500, 'Stream Errored (unknown)', 'bad-session'],
    [500, 'Invalid account signature', 'pairing-rejected'],
    [503, 'Connection Failure', 'unavailable'],
    [418, 'Connection Failure', 'unknown'],
    [undefined, undefined, 'unknown'],
    [undefined, 'toString', 'unknown'],
  ] as const)('%s %s is %s', (statusCode, message, reason) => {
    expect(toCloseReason({ statusCode, message })).toBe(reason);
  });

  test.each([401, 403, 405, 408, 500])(
    'a proxy that answers the upgrade with %i says nothing about the account',
    (statusCode) => {
      const message = `WebSocket Error (Unexpected server response: ${statusCode})`;
      expect(toCloseReason({ statusCode, message })).toBe('unreachable');
    },
  );

  test.each([
    ['ENOTFOUND', 'dns-failed'],
    ['EAI_AGAIN', 'dns-failed'],
    ['EPROTO', 'tls-failed'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-failed'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-failed'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls-failed'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-failed'],
    ['CERT_HAS_EXPIRED', 'tls-failed'],
    ['ECONNREFUSED', 'unreachable'],
    ['ECONNRESET', 'unreachable'],
    ['ETIMEDOUT', 'unreachable'],
    [undefined, 'unreachable'],
  ] as const)('a WebSocket that does not come up because of %s is %s', (networkCode, reason) => {
    const message = `WebSocket Error (${networkCode})`;
    expect(toCloseReason({ statusCode: 408, message, networkCode })).toBe(reason);
  });

  test.each([401, 403, 405, 440, 515])('%i from anywhere but the stream ends nothing', (statusCode) => {
    expect(toCloseReason({ statusCode, message: 'Request failed' })).toBe('unknown');
  });
});

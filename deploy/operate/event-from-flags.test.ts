import { describe, expect, test } from 'vitest';
import { CompanyIdError } from '../../shared/contract/company-id.ts';
import { toHandmadeEvent } from './event-from-flags.ts';
import { UsageError } from './usage-error.ts';

const NOW = 1_764_870_000_000;

function bodyOf(...args: string[]): string {
  return new TextDecoder().decode(toHandmadeEvent(args, NOW).body);
}

describe('an event by hand', () => {
  test('is byte for byte what operators published before', () => {
    expect(bodyOf('connected', '--company', '962302', '--phone', '+7 (999) 000-00-01')).toBe(
      '{"type":"connected","companyId":"company_962302","phoneNumber":"79990000001","timestamp":1764870000000}',
    );
  });

  test('takes the whole company id as well', () => {
    expect(bodyOf('starting', '--company', 'company_962302')).toContain('"companyId":"company_962302"');
  });

  test('carries what its type needs', () => {
    expect(JSON.parse(bodyOf('qr', '--company', '1', '--qr', '2@x', '--ttl', '20'))).toMatchObject({
      qr: { text: '2@x', ttlMs: 20_000, expiresAt: NOW + 20_000 },
    });
    const code = ['--code', 'ABCD1234', '--phone', '79990000001'];
    expect(JSON.parse(bodyOf('pairing-code', '--company', '1', ...code))).toMatchObject({
      code: { text: 'ABCD1234', phoneNumber: '79990000001', ttlMs: 60_000 },
    });
    expect(JSON.parse(bodyOf('pairing-code-error', '--company', '1'))).toHaveProperty('error.code', 'BY_HAND');
    const ending = ['--reason', 'lost', '--will-retry', '--retry-at', '2030-01-31T12:00:00Z'];
    expect(JSON.parse(bodyOf('disconnected', '--company', '1', ...ending))).toMatchObject({
      reason: 'lost',
      willRetry: true,
      retryAt: Date.UTC(2030, 0, 31, 12),
    });
  });

  test('for a reserved company is synthetic', () => {
    expect(JSON.parse(bodyOf('starting', '--company', '9000000001'))).toHaveProperty('synthetic', true);
  });

  test('never has a position or an id: those are the owner’s', () => {
    const event = JSON.parse(bodyOf('starting', '--company', '1')) as object;
    expect(Object.keys(event)).toEqual(['type', 'companyId', 'timestamp']);
  });
});

test.each([
  ['no type', []],
  ['two types', ['connected', 'linked', '--company', '1']],
  ['no company', ['connected']],
  ['an unknown type', ['dance', '--company', '1']],
  ['a connect without its phone', ['connected', '--company', '1']],
  ['a LID as phone', ['connected', '--company', '1', '--phone', '100000000000001@lid']],
  ['a qr without text', ['qr', '--company', '1']],
  ['a malformed code', ['pairing-code', '--company', '1', '--code', 'O0', '--phone', '79990000001']],
  ['a ttl that is none', ['qr', '--company', '1', '--qr', 'x', '--ttl=-5']],
  ['a time that is none', ['disconnected', '--company', '1', '--retry-at', 'soon']],
])('%s is refused before anything is sent', (_what, args) => {
  expect(() => toHandmadeEvent(args, NOW)).toThrow(UsageError);
});

test.each(['01', '962302 x', '*', '>', '1\r\nPUB x', 'company_'])('company %j is refused', (company) => {
  expect(() => toHandmadeEvent(['starting', '--company', company], NOW)).toThrow(CompanyIdError);
});

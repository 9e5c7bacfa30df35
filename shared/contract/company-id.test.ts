import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompanyIdError, asCanonicalCompanyId, parseCompanyId, reservedRangeOf, salonIdOf } from './company-id.ts';

const salonIds = fc.bigInt({ min: 1n, max: 9_999_999_999_999_999_999n }).map(String);

describe('parseCompanyId', () => {
  test('a bare salon id and the canonical form are the same company', () => {
    fc.assert(
      fc.property(salonIds, (salonId) => {
        const companyId = parseCompanyId(salonId);
        expect(companyId).toBe(`company_${salonId}`);
        expect(parseCompanyId(companyId)).toBe(companyId);
        expect(salonIdOf(companyId)).toBe(salonId);
      }),
    );
  });

  test('a JSON number is accepted while it is exact', () => {
    expect(parseCompanyId(962302)).toBe('company_962302');
    expect(() => parseCompanyId(2 ** 53)).toThrow(CompanyIdError);
    expect(() => parseCompanyId(1.5)).toThrow(CompanyIdError);
  });

  test.each([
    '',
    '0',
    '007',
    '-1',
    '+1',
    '1e3',
    '12345678901234567890',
    'company_',
    'company_0',
    'Company_1',
    'company-1',
    'company_company_1',
    ' 1',
    '1 ',
    '1\n',
    '1.2',
    '*',
    '>',
    '1 0\r\n\r\nPUB whatsapp.events.999',
    '962302 x',
    '٣',
  ])('%j is refused', (input) => {
    expect(() => parseCompanyId(input)).toThrow(CompanyIdError);
    expect(asCanonicalCompanyId(input)).toBeUndefined();
  });

  test.each([undefined, null, true, {}, [], Number.NaN, 0, -5])('%j is refused with a stable code', (input) => {
    expect(() => parseCompanyId(input)).toThrow(expect.objectContaining({ code: 'COMPANY_ID_INVALID' }));
  });

  test('the message of a refusal repeats no more than 40 characters of the input', () => {
    const message = (() => {
      try {
        return parseCompanyId('x'.repeat(10_000));
      } catch (error) {
        return String(error);
      }
    })();
    expect(message.length).toBeLessThan(200);
  });
});

describe('reservedRangeOf', () => {
  test.each([
    ['8999999999', undefined],
    ['9000000000', 'canary'],
    ['9000000099', 'canary'],
    ['9000000100', undefined],
    ['9099999999', undefined],
    ['9100000000', 'load'],
    ['9199999999', 'load'],
    ['9200000000', undefined],
    ['962302', undefined],
    ['91000000000', undefined],
  ])('%s is %s', (salonId, range) => {
    expect(reservedRangeOf(parseCompanyId(salonId))).toBe(range);
  });
});

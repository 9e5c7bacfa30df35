import { describe, expect, test } from 'vitest';
import { Origins, isOriginRule } from './origins.ts';

const origins = new Origins(['https://app.example.com', 'https://n*.market.example', 'http://localhost:5173/']);

describe('Origins', () => {
  test.each([
    'https://app.example.com',
    'https://n962302.market.example',
    'https://n1.market.example',
    'http://localhost:5173',
  ])('%s is allowed', (origin) => {
    expect(origins.allows(origin, 'gateway.example')).toBe(true);
  });

  test.each([
    'http://app.example.com',
    'https://app.example.com.evil.example',
    'https://app.example.com:8443',
    'https://xapp.example.com',
    'https://n.market.example',
    'https://n12a.market.example',
    'https://n1.evil.n2.market.example',
    'https://n1.marketXexample',
    'https://n1.market.example.evil.example',
    'https://nn1.market.example',
    'http://n1.market.example',
    'https://n1.market.example\n',
    'https://evil.example/?https://app.example.com',
    'null',
    '',
  ])('%j is refused', (origin) => {
    expect(origins.allows(origin, 'gateway.example')).toBe(false);
  });

  test('a request without an origin comes from no browser and is allowed', () => {
    expect(origins.allows(undefined, 'gateway.example')).toBe(true);
  });

  test('the page served here is allowed, with and without a proxy that ends TLS', () => {
    expect(origins.allows('http://gateway.example:3000', 'gateway.example:3000')).toBe(true);
    expect(origins.allows('https://gateway.example', 'gateway.example')).toBe(true);
    expect(origins.allows('https://gateway.example', 'gateway.example:3000')).toBe(false);
    expect(origins.allows('https://gateway.example', undefined)).toBe(false);
  });
});

describe('isOriginRule', () => {
  test.each(['https://a.example', 'https://a.example/', 'http://127.0.0.1:3000', 'https://n*.market.example'])(
    '%s is a rule',
    (rule) => {
      expect(isOriginRule(rule)).toBe(true);
    },
  );

  test.each([
    '*',
    'https://*',
    'https://*.example.com',
    'https://m*.example.com',
    'https://n*.n*.example.com',
    'https://n*.*.example.com',
    'example.com',
    'ftp://example.com',
    'https://example.com/path',
    'https://user@example.com',
    '',
  ])('%j is none', (rule) => {
    expect(isOriginRule(rule)).toBe(false);
  });
});

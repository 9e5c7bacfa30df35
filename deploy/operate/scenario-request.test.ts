import { describe, expect, test } from 'vitest';
import { toScenarioRequest } from './scenario-request.ts';

const request = (...args: string[]) => {
  const { url, ...rest } = toScenarioRequest(args, '3004');
  return { url: url.href, ...rest };
};

const URL = 'http://127.0.0.1:3004/scenarios';

test('no name asks for the list', () => {
  expect(request()).toEqual({ url: URL, method: 'GET' });
});

test('clear ends everything', () => {
  expect(request('clear')).toEqual({ url: URL, method: 'DELETE' });
});

test.each([
  [['closed'], { default: true, name: 'closed', params: {} }],
  [
    ['closed', '--company', '962302', '--set', 'afterMs=500', '--times', '2'],
    { company: 'company_962302', name: 'closed', params: { afterMs: '500' }, times: 2 },
  ],
  [
    ['unlinked', '--phone', '+7 999 000-00-01', '--set', 'at=login', '--set', 'afterMs=1'],
    { phone: '79990000001', name: 'unlinked', params: { at: 'login', afterMs: '1' } },
  ],
])('%j selects', (args, body) => {
  expect(request(...args)).toEqual({ url: URL, method: 'POST', body });
});

test('another simulator can be asked', () => {
  expect(request('--simulator', 'http://simulator:9').url).toBe('http://simulator:9/scenarios');
});

describe('a command line is refused', () => {
  test.each([
    [['cut', 'closed'], /one scenario at a time/],
    [['cut', '--company', '1', '--phone', '79990000001'], /either --company or --phone/],
    [['cut', '--company', 'x'], /not a company id/],
    [['cut', '--phone', '12'], /--phone/],
    [['cut', '--set', 'afterMs'], /name=value/],
    [['cut', '--times', '0'], /--times/],
    [['cut', '--simulator', 'nowhere'], /--simulator/],
    [['cut', '--dance'], /--dance/],
  ])('%j', (args, message) => {
    expect(() => request(...args)).toThrowError(message);
  });
});

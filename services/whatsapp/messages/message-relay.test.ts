import { expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { parseIncomingMessage } from '../../../shared/contract/messages.ts';
import { MAX_EVENT_BYTES } from '../../../shared/contract/subjects.ts';
import { toIncomingMessage } from './message-relay.ts';

const SALON = parseCompanyId('962302');
const head = { id: 'A1', from: { lid: '100000000000002' }, timestamp: 1 };

test.each([
  ['letters of one byte', 'x'.repeat(100_000)],
  ['letters of two bytes', 'ж'.repeat(65_536)],
  ['pairs of surrogates', '😀'.repeat(32_768)],
  ['characters that JSON escapes', '\u0001"\\'.repeat(20_000)],
])('a text of %s that is too long for the bus is cut, says so, and stays a text', (_, text) => {
  const message = toIncomingMessage(SALON, { type: 'text', ...head, text });
  const body = Buffer.from(JSON.stringify(message));
  expect(body.length).toBeLessThan(MAX_EVENT_BYTES);
  expect(parseIncomingMessage(body)).toEqual(message);
  expect(message).toMatchObject({ truncated: true });
  expect('text' in message && text.startsWith(message.text) && message.text.isWellFormed()).toBe(true);
});

test('a text that fits is not touched', () => {
  const message = toIncomingMessage(SALON, { type: 'text', ...head, text: 'Здравствуйте 😀' });
  expect(message).toEqual({ type: 'text', companyId: SALON, ...head, text: 'Здравствуйте 😀' });
});

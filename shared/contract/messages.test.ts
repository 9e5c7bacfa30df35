import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MESSAGE_SCHEMAS, MESSAGE_SCHEMA_VERSION, parseIncomingMessage } from './messages.ts';

const text = {
  type: 'text',
  companyId: 'company_962302',
  id: '3EB0C431C26A1916E07E',
  from: { phoneNumber: '79990000002', lid: '100000000000002', name: 'Olga' },
  timestamp: 1_764_870_000_000,
  text: 'Здравствуйте',
};
const reaction = { ...text, type: 'reaction', targetId: text.id, emoji: '👍' };

const parse = (value: unknown) => parseIncomingMessage(Buffer.from(JSON.stringify(value)));

test('a change of the schemas is a decision: give it a version, a history line, and this test the new hash', () => {
  const hash = createHash('sha256').update(JSON.stringify(MESSAGE_SCHEMAS)).digest('hex').slice(0, 16);
  expect({ version: MESSAGE_SCHEMA_VERSION, hash }).toEqual({ version: 1, hash: '5c3c5369acfbe493' });
});

test.each([text, reaction, { ...reaction, emoji: '' }, { ...text, from: { lid: '100000000000002' } }])(
  'is a message: %j',
  (message) => {
    expect(parse(message)).toEqual(message);
  },
);

test.each([
  null,
  [],
  'text',
  { ...text, type: 'image' },
  { ...text, type: '__proto__' },
  { ...text, text: '' },
  { ...text, from: {} },
  { ...text, from: { phoneNumber: '100000000000002@lid' } },
  { ...text, companyId: '962302' },
  { ...text, timestamp: '1' },
  { ...reaction, targetId: undefined },
])('is no message: %j', (message) => {
  expect(parse(message)).toBeUndefined();
});

test('what is not UTF-8 or not JSON is no message', () => {
  expect(parseIncomingMessage(Buffer.from([0xff, 0xfe]))).toBeUndefined();
  expect(parseIncomingMessage(Buffer.from('{'))).toBeUndefined();
});

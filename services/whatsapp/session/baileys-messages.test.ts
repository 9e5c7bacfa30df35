import type { WAMessage } from '@whiskeysockets/baileys';
import { describe, expect, test } from 'vitest';
import { toReceivedMessage } from './baileys-messages.ts';

const PHONE = '79990000002@s.whatsapp.net';
const LID = '100000000000002@lid';

/** `key` is loose: WhatsApp leaves out what the types promise. */
function message({ key, ...change }: Omit<Partial<WAMessage>, 'key'> & { readonly key?: object }): WAMessage {
  return {
    message: { conversation: 'hello' },
    messageTimestamp: 1_764_870_000,
    pushName: 'Olga',
    ...change,
    key: { remoteJid: LID, remoteJidAlt: PHONE, fromMe: false, id: 'A1', ...key },
  };
}

test('a text has both addresses, whichever WhatsApp put first', () => {
  const expected = {
    type: 'text',
    id: 'A1',
    from: { phoneNumber: '79990000002', lid: '100000000000002', name: 'Olga' },
    timestamp: 1_764_870_000_000,
    text: 'hello',
  };
  expect(toReceivedMessage(message({}))).toEqual(expected);
  expect(toReceivedMessage(message({ key: { remoteJid: PHONE, remoteJidAlt: LID } }))).toEqual(expected);
});

test('a LID alone is never a phone number', () => {
  const received = toReceivedMessage(message({ key: { remoteJidAlt: undefined } }));
  expect(received?.from).toEqual({ lid: '100000000000002', name: 'Olga' });
});

test('a text is found inside what wraps it', () => {
  const wrapped = { ephemeralMessage: { message: { extendedTextMessage: { text: 'soon gone' } } } };
  expect(toReceivedMessage(message({ message: wrapped }))).toMatchObject({ type: 'text', text: 'soon gone' });
});

test('a reaction names what it is to; an empty one takes it back', () => {
  const to = (text: string) => message({ message: { reactionMessage: { key: { id: 'B2' }, text } } });
  expect(toReceivedMessage(to('👍'))).toMatchObject({ type: 'reaction', targetId: 'B2', emoji: '👍' });
  expect(toReceivedMessage(to(''))).toMatchObject({ type: 'reaction', targetId: 'B2', emoji: '' });
});

describe('is nothing to tell:', () => {
  test.each([
    ["one's own message", message({ key: { fromMe: true } })],
    ['a group', message({ key: { remoteJid: '1234567890-123@g.us', remoteJidAlt: undefined } })],
    ['a status', message({ key: { remoteJid: 'status@broadcast', remoteJidAlt: undefined } })],
    ['a message without id', message({ key: { id: undefined } })],
    ['a message that could not be decrypted', message({ message: null })],
    ['an image', message({ message: { imageMessage: {} } })],
    ['a protocol message', message({ message: { protocolMessage: {} } })],
  ])('%s', (_, received) => {
    expect(toReceivedMessage(received)).toBeUndefined();
  });
});

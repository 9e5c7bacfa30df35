import { inflateSync } from 'node:zlib';
import { proto } from '@whiskeysockets/baileys';
import { describe, expect, test } from 'vitest';
import { pad, readContent, toMessage, toNamesMessage, toSentCopy, unpad } from './message-content.ts';

const REACTED_TO = { remoteJid: '79990000002@s.whatsapp.net', fromMe: true };

describe('a padded message', () => {
  test.each([1, 2, 16])('ends with %i bytes that each tell how many they are', (length) => {
    const padded = pad({ conversation: 'hi' }, length);
    expect(padded.toString('hex')).toBe(`0a026869${Buffer.alloc(length, length).toString('hex')}`);
    expect(unpad(padded).conversation).toBe('hi');
  });

  test.each([
    ['nothing', ''],
    ['no padding', '0a02686900'],
    ['more padding than there are bytes', '0a10'],
    ['more than sixteen bytes of padding', `0a026869${'11'.repeat(17)}`],
    ['no protobuf', 'ffff01'],
  ])('is not %s', (_what, hex) => {
    expect(() => unpad(Buffer.from(hex, 'hex'))).toThrowError(/message/);
  });
});

describe('what a message says', () => {
  test('is its text, plain or extended', () => {
    expect(readContent({ conversation: 'hi' })?.content).toEqual({ text: 'hi' });
    expect(readContent({ extendedTextMessage: { text: 'hi' } })?.content).toEqual({ text: 'hi' });
  });

  test('is a reaction on another one, or that it is taken back', () => {
    for (const emoji of ['👍', '']) {
      const reaction = { messageId: '3A', emoji };
      expect(readContent(toMessage({ reaction }, REACTED_TO))).toEqual({ content: { reaction }, sentTo: undefined });
    }
  });

  test('is the same in the copy for the own devices, with whom it was sent to', () => {
    const copy = toSentCopy({ conversation: 'hi' }, REACTED_TO.remoteJid);
    expect(readContent(copy)).toEqual({ content: { text: 'hi' }, sentTo: REACTED_TO.remoteJid });
  });

  test.each([
    ['nothing', {}],
    ['an empty text', { conversation: '' }],
    ['a picture', { imageMessage: {} }],
    ['a protocol message', toNamesMessage([])],
    ['a reaction on nothing', { reactionMessage: { text: '👍' } }],
  ])('is not shown when it is %s', (_what, message) => {
    expect(readContent(message)).toBeUndefined();
  });
});

test('the names come as a deflated piece of history', () => {
  const { protocolMessage } = toNamesMessage([{ jid: '100000000000001@lid', name: 'Anna' }]);
  const payload = protocolMessage?.historySyncNotification?.initialHistBootstrapInlinePayload ?? Buffer.alloc(0);
  const history = proto.HistorySync.decode(inflateSync(payload));
  expect(history.syncType).toBe(proto.HistorySync.HistorySyncType.PUSH_NAME);
  expect(history.pushnames).toMatchObject([{ id: '100000000000001@lid', pushname: 'Anna' }]);
});

import type { WAMessage } from '@whiskeysockets/baileys';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BaileysClient } from '../../test/harness/baileys-client.ts';
import { ANNA, BORIS, SimulatedWhatsApp, VERA } from '../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { MessageView } from './post/chats.ts';

let whatsApp: SimulatedWhatsApp;

beforeEach(async () => {
  whatsApp = await SimulatedWhatsApp.start();
});

afterEach(async () => {
  await whatsApp[Symbol.asyncDispose]();
});

const desk = () => whatsApp.simulator.phones;

/** What a client is told of messages, in order. */
function inbox(client: BaileysClient): WAMessage[] {
  const messages: WAMessage[] = [];
  client.socket.ev.on('messages.upsert', (upsert) => void messages.push(...upsert.messages));
  return messages;
}

async function open(phone: string): Promise<{ client: BaileysClient; messages: WAMessage[] }> {
  const client = whatsApp.connect({ auth: await whatsApp.link(phone) });
  const messages = inbox(client);
  await client.opened();
  await waitFor(() => client.auth.creds.accountSyncCounter, { what: 'the first synchronisation' });
  return { client, messages };
}

/** Baileys itself writes extended texts, the phones write plain ones. */
function textOf(message: WAMessage['message']): string | undefined {
  return message?.conversation ?? message?.extendedTextMessage?.text ?? undefined;
}

function received(messages: readonly WAMessage[], text: string): Promise<WAMessage> {
  const found = () => messages.find(({ message }) => textOf(message) === text);
  return waitFor(found, { what: `the message ${text}` });
}

function shown(phone: string, text: string): Promise<MessageView> {
  const found = () =>
    desk()
      .messages(phone)
      .find((message) => 'text' in message && message.text === text);
  return waitFor(found, { what: `${text} on the phone ${phone}` });
}

describe('a phone that writes to the account of an unmodified Baileys', () => {
  test.each([
    ['lid', '100000000000002@lid', '79990000002@s.whatsapp.net'],
    ['pn', '79990000002@s.whatsapp.net', '100000000000002@lid'],
  ] as const)('is read under its %s, with the other address beside it', async (kind, remoteJid, remoteJidAlt) => {
    const { messages } = await open(ANNA);
    await desk().write(BORIS, { to: ANNA, content: { text: 'hello' }, kind });
    await desk().write(BORIS, { to: ANNA, content: { text: 'again' }, kind });
    const { key, pushName } = await received(messages, 'hello');
    expect(key).toMatchObject({ remoteJid, remoteJidAlt, fromMe: false });
    expect(pushName).toBe('Barbershop Boris');
    await received(messages, 'again');
    await waitFor(
      () =>
        desk()
          .messages(BORIS)
          .every(({ status }) => status === 'delivered'),
      { what: 'the receipts' },
    );
    expect(desk().messages(ANNA)).toMatchObject([
      { direction: 'in', peer: BORIS, text: 'hello' },
      { direction: 'in', peer: BORIS, text: 'again' },
    ]);
    expect(await whatsApp.rejections()).toEqual({});
  });

  test('can react to a message, and take that back', async () => {
    const { client, messages } = await open(ANNA);
    const sent = await client.socket.sendMessage('79990000002@s.whatsapp.net', { text: 'welcome' });
    const { id } = await shown(BORIS, 'welcome');
    expect(id).toBe(sent?.key.id);
    for (const emoji of ['👍', '']) {
      await desk().write(BORIS, { to: ANNA, content: { reaction: { messageId: id, emoji } } });
      const reaction = await waitFor(
        () => messages.find(({ message }) => message?.reactionMessage?.text === emoji)?.message?.reactionMessage,
        { what: `the reaction ${emoji}` },
      );
      expect(reaction.key).toMatchObject({ id, fromMe: true });
    }
  });

  test('is read when the account is back, if it wrote while that was away', async () => {
    const { client } = await open(ANNA);
    await client[Symbol.asyncDispose]();
    await waitFor(() => desk().devices()[0]?.online === false, { what: 'the device to be away' });
    for (const text of ['one', 'two', 'three']) await desk().write(VERA, { to: ANNA, content: { text } });
    const back = whatsApp.connect({ auth: client.auth });
    const messages = inbox(back);
    await received(messages, 'three');
    expect(messages.flatMap(({ message }) => message?.conversation ?? [])).toEqual(['one', 'two', 'three']);
    await waitFor(
      () =>
        desk()
          .messages(VERA)
          .every(({ status }) => status === 'delivered'),
      { what: 'the receipts' },
    );
    await back[Symbol.asyncDispose]();
    const later = whatsApp.connect({ auth: client.auth });
    const again = inbox(later);
    await later.opened();
    await desk().write(VERA, { to: ANNA, content: { text: 'four' } });
    await received(again, 'four');
    expect(again.flatMap(({ message }) => message?.conversation ?? [])).toEqual(['four']);
  });

  test('goes on in the same session after the simulator was restarted', async () => {
    const { client } = await open(ANNA);
    await desk().write(BORIS, { to: ANNA, content: { text: 'before' } });
    await client.socket.sendMessage('79990000002@s.whatsapp.net', { text: 'answer' });
    await shown(BORIS, 'answer');
    await whatsApp.restart();
    const back = whatsApp.connect({ auth: client.auth });
    const messages = inbox(back);
    await back.opened();
    await desk().write(BORIS, { to: ANNA, content: { text: 'after' } });
    await received(messages, 'after');
    await back.socket.sendMessage('79990000002@s.whatsapp.net', { text: 'still here' });
    await shown(BORIS, 'still here');
    expect(await whatsApp.rejections()).toEqual({});
  });

  test('is read by every device of the account, and its own devices know what it wrote', async () => {
    const [first, second, own] = [await open(ANNA), await open(ANNA), await open(BORIS)];
    await desk().write(BORIS, { to: ANNA, content: { text: 'to both' } });
    await received(first.messages, 'to both');
    await received(second.messages, 'to both');
    const { key } = await received(own.messages, 'to both');
    expect(key).toMatchObject({ fromMe: true, remoteJid: '100000000000001@lid' });
  });

  test('can send a note to its own account', async () => {
    const { messages } = await open(ANNA);
    await desk().write(ANNA, { to: ANNA, content: { text: 'note' } });
    expect((await received(messages, 'note')).key.fromMe).toBe(true);
    expect(desk().messages(ANNA)).toHaveLength(1);
  });

  test('sends a message once more to a device that lost the session', async () => {
    const { client, messages } = await open(ANNA);
    await desk().write(BORIS, { to: ANNA, content: { text: 'one' } });
    await received(messages, 'one');
    await client.socket.sendMessage('100000000000002@lid', { text: 'answer' });
    await shown(BORIS, 'answer');
    await desk().write(BORIS, { to: ANNA, content: { text: 'ratchet' } });
    await received(messages, 'ratchet');
    await client.auth.keys.set({ session: { '100000000000002_1.0': null } });
    await desk().write(BORIS, { to: ANNA, content: { text: 'two' } });
    await received(messages, 'two');
  });
});

describe('an unmodified Baileys that writes', () => {
  test.each(['79990000002@s.whatsapp.net', '100000000000002@lid'])(
    'to %s is read on that phone and its own',
    async (jid) => {
      const { client } = await open(ANNA);
      const statuses: unknown[] = [];
      client.socket.ev.on(
        'messages.update',
        (updates) => void statuses.push(...updates.map(({ update }) => update.status)),
      );
      // A receipt that comes while Baileys still holds the message back is merged into it.
      client.socket.ev.on(
        'messages.upsert',
        ({ messages }) => void statuses.push(...messages.map(({ status }) => status)),
      );
      await client.socket.sendMessage(jid, { text: 'from the salon' });
      expect(await shown(BORIS, 'from the salon')).toMatchObject({ direction: 'in', peer: ANNA });
      expect(await shown(ANNA, 'from the salon')).toMatchObject({ direction: 'out', peer: BORIS });
      await waitFor(() => statuses.includes(3), { what: 'the delivery receipt' });
      desk().markRead(BORIS, (await shown(BORIS, 'from the salon')).id);
      await waitFor(() => statuses.includes(4), { what: 'the read receipt' });
      await client.socket.sendMessage(jid, { text: 'second' });
      await shown(BORIS, 'second');
      expect(await whatsApp.rejections()).toEqual({});
    },
  );

  test('to an account with a linked device is read by that device, too', async () => {
    const [salon, other] = [await open(ANNA), await open(BORIS)];
    await salon.client.socket.sendMessage('79990000002@s.whatsapp.net', { text: 'for all' });
    await shown(BORIS, 'for all');
    const { key } = await received(other.messages, 'for all');
    expect(key.fromMe).toBe(false);
    await other.client.socket.sendMessage(key.remoteJid ?? '', { text: 'and back' });
    await received(salon.messages, 'and back');
  });

  test('in a session that went back in time is asked for the message once more', async () => {
    const { client } = await open(ANNA);
    const jid = '100000000000002@lid';
    await client.socket.sendMessage(jid, { text: 'one' });
    await shown(BORIS, 'one');
    const address = '100000000000002_1.0';
    const earlier = await client.auth.keys.get('session', [address]);
    await client.socket.sendMessage(jid, { text: 'two' });
    await shown(BORIS, 'two');
    await client.auth.keys.set({ session: earlier });
    await client.socket.sendMessage(jid, { text: 'three' });
    await shown(BORIS, 'three');
    expect(await whatsApp.rejections()).toEqual({ MESSAGE_INVALID: 1 });
  });

  test('a reaction shows it on the phone', async () => {
    const { client, messages } = await open(ANNA);
    await desk().write(BORIS, { to: ANNA, content: { text: 'nice?' } });
    const { key } = await received(messages, 'nice?');
    await client.socket.sendMessage(key.remoteJid ?? '', { react: { text: '❤️', key } });
    const reaction = await waitFor(
      () =>
        desk()
          .messages(BORIS)
          .find((message) => 'reaction' in message),
      {
        what: 'the reaction',
      },
    );
    expect(reaction).toMatchObject({ direction: 'in', reaction: { emoji: '❤️', messageId: key.id } });
  });
});

test('a consumer account tells its name in its first message, once', async () => {
  const { client } = await open(VERA);
  expect(client.auth.creds.me).toMatchObject({ name: 'Vera' });
  await client[Symbol.asyncDispose]();
  const back = whatsApp.connect({ auth: client.auth });
  const messages = inbox(back);
  await back.opened();
  await desk().write(BORIS, { to: VERA, content: { text: 'hello' } });
  await received(messages, 'hello');
  expect(messages).toHaveLength(1);
});

test('a device that never came to be open is told the names when it is', async () => {
  const auth = await whatsApp.link(VERA);
  const first = whatsApp.connect({ auth });
  await waitFor(() => auth.creds.nextPreKeyId > 800, { what: 'the prekeys' });
  await first[Symbol.asyncDispose]();
  const second = await whatsApp.logIn(auth);
  await waitFor(() => second.auth.creds.me?.name === 'Vera', { what: 'the name' });
});

test('a backlog waits behind the login', async () => {
  const { client } = await open(ANNA);
  await client[Symbol.asyncDispose]();
  const back = whatsApp.connect({ auth: client.auth, query: '?scenario=backlog&messages=25' });
  const messages = inbox(back);
  await received(messages, 'Message 25 of 25');
  expect(messages).toHaveLength(25);
});

test('the keys of a device are handed out one by one, and it makes more before they are used up', async () => {
  const [{ client }, salon] = [await open(BORIS), await open(ANNA)];
  const before = client.auth.creds.nextPreKeyId;
  whatsApp.simulator.scenarios.select({ scope: { phone: BORIS }, name: 'prekeys-claimed', params: { left: 6 } });
  await client[Symbol.asyncDispose]();
  const back = await whatsApp.logIn(client.auth);
  for (let count = 0; count < 3; count += 1) await salon.client.socket.assertSessions(['100000000000002:1@lid'], true);
  await waitFor(() => back.auth.creds.nextPreKeyId > before, { what: 'more prekeys' });
});

test.each([
  ['an empty text', { to: BORIS, content: { text: '' } }, 'MESSAGE_INVALID'],
  ['a text that is too long', { to: BORIS, content: { text: 'x'.repeat(4097) } }, 'MESSAGE_INVALID'],
  ['a reaction on nothing', { to: BORIS, content: { reaction: { messageId: 'x', emoji: '👍' } } }, 'MESSAGE_UNKNOWN'],
  ['a message to nobody', { to: '79990009999', content: { text: 'x' } }, 'PHONE_UNKNOWN'],
])('%s is refused', async (_what, request, code) => {
  await expect(desk().write(ANNA, request)).rejects.toMatchObject({ code });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BaileysClient } from '../../test/harness/baileys-client.ts';
import { ANNA, BORIS, SimulatedWhatsApp } from '../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { PhoneError } from './people/phone-error.ts';

let whatsApp: SimulatedWhatsApp;

beforeEach(async () => {
  whatsApp = await SimulatedWhatsApp.start();
});

afterEach(async () => {
  await whatsApp[Symbol.asyncDispose]();
});

/** A client that shows a code for this phone, and the phone knows of it. */
async function asking(phone: string, client: BaileysClient = whatsApp.connect()): Promise<[BaileysClient, string]> {
  await client.qr();
  const code = await client.socket.requestPairingCode(phone);
  await waitFor(() => isAsked(phone), { what: 'the phone to be asked' });
  return [client, code];
}

function isAsked(phone: string): boolean {
  return whatsApp.simulator.phones.list().some(({ id, codeRequest }) => id === phone && codeRequest !== undefined);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PhoneError);
  return (error as PhoneError).code;
}

const enter = (phone: string, code: string) => whatsApp.simulator.phones.enterCode(phone, code);

/** Another code of the same alphabet. */
const wrong = (code: string) => (code.startsWith('A') ? 'B' : 'A') + code.slice(1);

describe('an unmodified Baileys', () => {
  test('links by a code typed on the phone, is told to restart, logs in and opens', async () => {
    const [client, code] = await asking(ANNA);
    expect(whatsApp.simulator.phones.list()[0]?.codeRequest).toMatchObject({ platform: 'Chrome (Mac OS)' });
    const device = await enter(ANNA, `${code.slice(0, 4)}-${code.slice(4).toLowerCase()}`);
    expect(device).toMatchObject({ jid: '79990000001:1@s.whatsapp.net', platform: 'Chrome (Mac OS)', device: 1 });
    expect(await client.closed()).toMatchObject({ status: 515 });
    expect(client.isLinked).toBe(true);
    const open = await whatsApp.logIn(client.auth);
    expect(open.auth.creds.me).toMatchObject({ id: '79990000001:1@s.whatsapp.net', lid: '100000000000001:1@lid' });
    expect(isAsked(ANNA)).toBe(false);
    expect(await whatsApp.rejections()).toEqual({});
  });

  test('does not notice a wrong code, and links when the right one follows', async () => {
    const [client, code] = await asking(ANNA);
    expect(await refusal(enter(ANNA, wrong(code)))).toBe('CODE_WRONG');
    expect(isAsked(ANNA)).toBe(true);
    expect(whatsApp.simulator.phones.devices()).toEqual([]);
    await enter(ANNA, code);
    await whatsApp.logIn(client.auth);
  });

  test('whose line drops before the code is typed meets 401 when it comes back with the same credentials', async () => {
    const [client, code] = await asking(ANNA);
    await client[Symbol.asyncDispose]();
    await waitFor(() => !isAsked(ANNA), { what: 'the request to end' });
    expect(await refusal(enter(ANNA, code))).toBe('CODE_EXPIRED');
    expect(await whatsApp.connect({ auth: client.auth }).closed()).toMatchObject({
      status: 401,
      message: 'Connection Failure',
    });
    expect(await whatsApp.rejections()).toEqual({ DEVICE_UNKNOWN: 1 });
  });

  test.each(['companion_hello', 'companion_finish'])('whose line drops behind %s cannot go on', async (after) => {
    const client = whatsApp.connect({ query: `?scenario=code-interrupted&after=${after}` });
    await client.qr();
    const code = await client.socket.requestPairingCode(ANNA);
    if (after === 'companion_finish') {
      await waitFor(() => isAsked(ANNA), { what: 'the phone to be asked' });
      expect(await refusal(enter(ANNA, code))).toBe('LINK_REFUSED');
    }
    expect(await client.closed()).toMatchObject({ status: 428 });
    expect(await whatsApp.connect({ auth: client.auth }).closed()).toMatchObject({ status: 401 });
  });

  test('is asked for a passkey in place of the link, and hears nothing more', async () => {
    const client = whatsApp.connect({ query: '?scenario=passkey' });
    const demands: unknown[] = [];
    client.socket.ws.on('CB:notification,type:passkey_prologue_request', (node: unknown) => void demands.push(node));
    const [, code] = await asking(ANNA, client);
    expect(await refusal(enter(ANNA, code))).toBe('PASSKEY_REQUIRED');
    await waitFor(() => demands.length === 1, { what: 'the demand' });
    expect(client.isLinked).toBe(false);
  });
});

describe('a code is refused', () => {
  test('when nobody asked for one, or the phone does not exist', async () => {
    expect(await refusal(enter(ANNA, 'ABCD1234'))).toBe('CODE_NOT_REQUESTED');
    expect(await refusal(enter('70000000000', 'ABCD1234'))).toBe('PHONE_UNKNOWN');
  });

  test('when it is none', async () => {
    const [, code] = await asking(ANNA);
    for (const text of ['', code.slice(1), `${code}1`, 'OOOO0000']) {
      expect(await refusal(enter(ANNA, text))).toBe('CODE_INVALID');
    }
  });

  test('on the phone of another number', async () => {
    const [, code] = await asking(ANNA);
    expect(await refusal(enter(BORIS, code))).toBe('CODE_NOT_REQUESTED');
  });

  test('when its time is over', async () => {
    let now = Date.now();
    await whatsApp.restart({ now: () => now, codeLifeMs: 1000 });
    const [, code] = await asking(ANNA);
    now += 1000;
    expect(isAsked(ANNA)).toBe(false);
    expect(await refusal(enter(ANNA, code))).toBe('CODE_EXPIRED');
  });

  test('when the same client asked again: the second one holds', async () => {
    const [client, first] = await asking(ANNA);
    const second = await client.socket.requestPairingCode(ANNA);
    // The request travels behind the scene: until it is there the first one holds.
    await client.socket.query({ tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } });
    expect(second).not.toBe(first);
    expect(await refusal(enter(ANNA, first))).toBe('CODE_WRONG');
    await enter(ANNA, second);
  });

  test('when the same client asked for another phone meanwhile', async () => {
    const [client, first] = await asking(ANNA);
    const [, second] = await asking(BORIS, client);
    expect(isAsked(ANNA)).toBe(false);
    expect(await refusal(enter(ANNA, first))).toBe('CODE_NOT_REQUESTED');
    expect(await enter(BORIS, second)).toMatchObject({ phone: BORIS });
  });

  test('when another client asked for the same phone meanwhile', async () => {
    const [first, firstCode] = await asking(ANNA);
    const second = whatsApp.connect();
    await second.qr();
    const secondCode = await second.socket.requestPairingCode(ANNA);
    await second.socket.query({ tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } });
    expect(await refusal(enter(ANNA, firstCode))).toBe('CODE_WRONG');
    await enter(ANNA, secondCode);
    expect(first.isLinked).toBe(false);
    expect(second.isLinked).toBe(true);
  });

  test('when it was used', async () => {
    const [, code] = await asking(ANNA);
    await enter(ANNA, code);
    expect(await refusal(enter(ANNA, code))).toBe('CODE_NOT_REQUESTED');
    expect(whatsApp.simulator.phones.devices()).toHaveLength(1);
  });

  test('when it is typed twice at once: one device is linked', async () => {
    const [, code] = await asking(ANNA);
    const outcomes = await Promise.allSettled([enter(ANNA, code), enter(ANNA, code)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(whatsApp.simulator.phones.devices()).toHaveLength(1);
  });
});

test('a code for a number that nobody has asks no phone', async () => {
  const client = whatsApp.connect();
  await client.qr();
  const answers: { attrs: { type?: string } }[] = [];
  client.socket.ws.on('CB:iq,type:error', (node: { attrs: object }) => void answers.push(node));
  await client.socket.requestPairingCode('79990009999');
  await waitFor(() => answers.length === 1, { what: 'the refusal' });
  expect(whatsApp.simulator.phones.list().some(({ codeRequest }) => codeRequest !== undefined)).toBe(false);
});

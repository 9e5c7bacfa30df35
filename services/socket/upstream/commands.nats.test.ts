import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveAssignments, serveCommands } from '../../../shared/bus/commands.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import type { CommandErrorCode } from '../../../shared/contract/command-errors.ts';
import type { Command, CommandReply } from '../../../shared/contract/commands.ts';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { startNatsServer, type NatsServer } from '../../../test/harness/nats-server.ts';
import { GatewayUnderTest, byHand, ownerEvent, qrFor } from '../../../test/harness/socket-gateway.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';

const SALON = 962_302;

let stack: AsyncDisposableStack;
let server: NatsServer;
let gateway: GatewayUnderTest;
let owner: BusConnection;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
  gateway = stack.use(await GatewayUnderTest.start(server.url));
  owner = stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
});

afterEach(() => stack.disposeAsync());

/** Takes commands as the session's owner does; answers what was asked so far. */
function own(answer: (name: string) => CommandReply | Promise<CommandReply>): string[] {
  const asked: string[] = [];
  const handler = ({ name }: { name: string }) => {
    asked.push(name);
    return Promise.resolve(answer(name));
  };
  stack.use(serveCommands(owner, parseCompanyId(SALON), handler));
  return asked;
}

const refused = (code: CommandErrorCode): CommandReply => ({ ok: false, error: { code, message: 'no' } });

describe('a browser that connects', () => {
  test('starts the session and is shown the answer', async () => {
    const event = ownerEvent(SALON, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000));
    const asked = own(() => ({ ok: true, event }));
    const browser = await gateway.join(SALON);
    expect(await browser.got('qr-update')).toMatchObject({ qr: '2@qr' });
    expect(asked).toEqual(['start']);
    expect(browser.payloads('error')).toEqual([]);
  });

  test('is not shown an answer that an event has overtaken', async () => {
    const stale = ownerEvent(SALON, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000));
    const reply = Promise.withResolvers<CommandReply>();
    const asked = own(() => reply.promise);
    const browser = await gateway.join(SALON);
    await waitFor(() => asked.length === 1, { what: 'the start' });
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 3 }));
    await browser.showing('connected');
    reply.resolve({ ok: true, event: stale });
    await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 1, seq: 4 }));
    await browser.showing('disconnected');
    expect(browser.payloads('qr-update')).toEqual([]);
  });

  test('is not shown again by the answer what it was shown before', async () => {
    const event = ownerEvent(SALON, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000));
    const late = Promise.withResolvers<CommandReply>();
    const asked = own(() => (asked.length === 1 ? { ok: true, event } : late.promise));
    const first = await gateway.join(SALON);
    await first.showing('qr');
    const second = await gateway.join(SALON);
    await second.showing('qr');
    await waitFor(() => asked.length === 2, { what: 'the second start' });
    late.resolve({ ok: true, event });
    for (const [seq, state] of [[3, 'linked'] as const, [4, 'connected'] as const]) {
      await gateway.publishEvent(ownerEvent(SALON, state, { epoch: 1, seq }));
      await second.showing(state);
    }
    expect(second.states.map(({ state }) => state)).toEqual(['qr', 'linked', 'connected']);
  });

  test('is told once when nobody answers, and shown the state as soon as somebody does', async () => {
    const browser = await gateway.join(SALON);
    expect(await browser.got('error')).toEqual({ message: expect.any(String) as string, code: 'NO_RESPONDER' });
    const event = ownerEvent(SALON, 'starting', { epoch: 1, seq: 1 });
    stack.use(serveAssignments(owner, () => Promise.resolve({ ok: true, event })));
    await browser.showing('starting');
    expect(browser.payloads('error')).toHaveLength(1);
  });

  test('is not told when the stream already says where its session stands', async () => {
    await gateway.publishEvent(byHand(SALON, 'connected'));
    const browser = await gateway.join(SALON);
    await browser.showing('connected');
    await waitFor(() => gateway.log.some(({ msg }) => msg === 'a command was not done'), { what: 'the refusal' });
    expect(browser.payloads('error')).toEqual([]);
  });

  test('hears of a timeout and of a refusal by their codes', async () => {
    const impatient = stack.use(await GatewayUnderTest.start(server.url, { commandDeadlineMs: 1000 }));
    const late = Promise.withResolvers<CommandReply>();
    const asked = own(() => (asked.length === 1 ? late.promise : refused('CREDENTIALS_UNREADABLE')));
    const browser = await impatient.join(SALON);
    expect(await browser.got('error')).toMatchObject({ code: 'COMMAND_TIMEOUT' });
    late.resolve({ ok: true });
    await waitFor(() => asked.length === 2, { what: 'the repetition' });
    browser.socket.emit('request-qr');
    expect(await browser.got('error', 2)).toMatchObject({ code: 'CREDENTIALS_UNREADABLE' });
  });

  test.each([9_000_000_001, 9_100_000_001])('of a reserved company (%d) starts nothing', async (salon) => {
    const asked: string[] = [];
    stack.use(
      serveAssignments(owner, ({ name }) => {
        asked.push(name);
        return Promise.resolve({ ok: true });
      }),
    );
    const browser = await gateway.join(salon);
    browser.socket.emit('request-qr');
    await gateway.publishEvent(byHand(salon, 'connected', { synthetic: true }));
    await browser.showing('connected');
    const customer = await gateway.join(SALON);
    await waitFor(() => asked.length > 0, { what: 'the customer to start' });
    expect(asked).toEqual(['start']);
    expect(customer.payloads('error')).toEqual([]);
  });
});

describe('request-qr', () => {
  test('is passed on, and its answer shown to the one who asked, even when nothing changed', async () => {
    const event = ownerEvent(SALON, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000));
    const asked = own(() => ({ ok: true, event }));
    const [asker, other] = [await gateway.join(SALON), await gateway.join(SALON)];
    await Promise.all([asker.showing('qr'), other.showing('qr')]);
    await waitFor(() => asked.length === 2, { what: 'both starts' });
    const before = { asker: asker.states.length, other: other.states.length };
    asker.socket.emit('request-qr');
    await waitFor(() => asker.states.length > before.asker, { what: 'the answer' });
    expect(asked).toEqual(['start', 'start', 'request-qr']);
    expect(other.states).toHaveLength(before.other);
  });

  test('is told to the asker when nobody answers, and repeated until somebody does', async () => {
    await gateway.publishEvent(ownerEvent(SALON, 'qr-expired', { epoch: 1, seq: 1 }));
    const browser = await gateway.join(SALON);
    await browser.showing('qr-expired');
    browser.socket.emit('request-qr');
    browser.socket.emit('request-qr');
    expect(await browser.got('error')).toMatchObject({ code: 'NO_RESPONDER' });
    const asked = own(() => ({ ok: true, event: ownerEvent(SALON, 'qr', { epoch: 2, seq: 1 }, qrFor(60_000)) }));
    await browser.showing('qr');
    expect(asked).toContain('request-qr');
  });

  test('is not repeated for a browser that has left', async () => {
    const browser = await gateway.join(SALON);
    browser.socket.emit('request-qr');
    await browser.got('error');
    browser.socket.disconnect();
    await waitFor(async () => (await gateway.metric('socketio_rooms')) === 0, { what: 'the room to be empty' });
    const asked = own(() => ({ ok: true }));
    const next = await gateway.join(SALON);
    await waitFor(() => asked.length > 0, { what: 'the next browser to start' });
    expect(asked).not.toContain('request-qr');
    expect(next.socket.connected).toBe(true);
  });
});

describe('request-pairing-code', () => {
  const PHONE = '79990000001';

  /** Takes commands as the owner does; answers those for a code with `answer`, all others with a QR. */
  function ownCodes(answer: () => CommandReply | Promise<CommandReply>): (string | undefined)[] {
    const asked: (string | undefined)[] = [];
    const event = ownerEvent(SALON, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000));
    const handler = async ({ name, phoneNumber }: Command): Promise<CommandReply> => {
      if (name !== 'request-pairing-code') return { ok: true, event };
      asked.push(phoneNumber);
      return answer();
    };
    stack.use(serveCommands(owner, parseCompanyId(SALON), handler));
    return asked;
  }

  test('carries the digits to the owner, and the code to every tab of the salon', async () => {
    const asked = ownCodes(() => ({ ok: true, event: ownerEvent(SALON, 'starting', { epoch: 1, seq: 2 }) }));
    const [asker, other] = [await gateway.join(SALON), await gateway.join(SALON)];
    const stranger = await gateway.join(SALON + 1);
    asker.socket.emit('request-pairing-code', { phoneNumber: '+7 (999) 000-00-01' });
    await asker.showing('starting');
    expect(asked).toEqual([PHONE]);
    const code = { text: '1ABCDEFG', phoneNumber: PHONE, expiresAt: Date.now() + 50_000, ttlMs: 50_000 };
    await gateway.publishEvent(
      ownerEvent(SALON, 'pairing-code', { epoch: 1, seq: 3 }, { code, phoneNumber: undefined }),
    );
    for (const browser of [asker, other]) {
      expect(await browser.got('pairing-code')).toEqual({ code: '1ABCDEFG', phoneNumber: PHONE, expiresIn: 50 });
      await browser.showing('pairing-code');
    }
    expect(stranger.payloads('pairing-code')).toEqual([]);
  });

  test.each([
    [undefined, 'PHONE_REQUIRED'],
    [null, 'PHONE_REQUIRED'],
    ['79990000001', 'PHONE_REQUIRED'],
    [{}, 'PHONE_REQUIRED'],
    [{ phoneNumber: '' }, 'PHONE_REQUIRED'],
    [{ phoneNumber: null }, 'PHONE_REQUIRED'],
    [{ phoneNumber: '   ' }, 'PHONE_REQUIRED'],
    [{ phoneNumber: '12345' }, 'INVALID_PHONE_FORMAT'],
    [{ phoneNumber: 79_990_000_001 }, 'INVALID_PHONE_FORMAT'],
    [{ phoneNumber: '100000000000001@lid' }, 'INVALID_PHONE_FORMAT'],
    [{ phoneNumber: ['79990000001'] }, 'INVALID_PHONE_FORMAT'],
    [{ phoneNumber: '7'.repeat(10_000) }, 'INVALID_PHONE_FORMAT'],
  ])('with %j is refused here, to the asker alone: %s', async (payload, code) => {
    const asked = ownCodes(() => ({ ok: true }));
    const [asker, other] = [await gateway.join(SALON), await gateway.join(SALON)];
    asker.socket.emit('request-pairing-code', payload);
    expect(await asker.got('pairing-code-error')).toEqual({ code, message: expect.stringMatching(/[а-я]/) as string });
    expect(asked).toEqual([]);
    expect(other.payloads('pairing-code-error')).toEqual([]);
    expect(asker.payloads('error')).toEqual([]);
  });

  test.each([
    ['REQUEST_IN_PROGRESS', 'REQUEST_IN_PROGRESS'],
    ['BAILEYS_ERROR', 'BAILEYS_ERROR'],
    ['SESSION_LIMIT', 'PAIRING_CODE_FAILED'],
    ['CREDENTIALS_UNREADABLE', 'PAIRING_CODE_FAILED'],
  ] as const)('that the owner refuses as %s is told as %s', async (refusal, code) => {
    ownCodes(() => refused(refusal));
    const browser = await gateway.join(SALON);
    browser.socket.emit('request-pairing-code', { phoneNumber: PHONE });
    expect(await browser.got('pairing-code-error')).toMatchObject({ code });
  });

  test('twice at once from one tab is asked once', async () => {
    const reply = Promise.withResolvers<CommandReply>();
    const asked = ownCodes(() => reply.promise);
    const browser = await gateway.join(SALON);
    browser.socket.emit('request-pairing-code', { phoneNumber: PHONE });
    browser.socket.emit('request-pairing-code', { phoneNumber: PHONE });
    expect(await browser.got('pairing-code-error')).toMatchObject({ code: 'REQUEST_IN_PROGRESS' });
    reply.resolve({ ok: true });
    await waitFor(() => asked.length === 1, { what: 'the first request' });
  });

  test('is told once when nobody answers, and never repeated: each code rings the phone', async () => {
    const browser = await gateway.join(SALON);
    browser.socket.emit('request-pairing-code', { phoneNumber: PHONE });
    expect(await browser.got('pairing-code-error')).toMatchObject({ code: 'PAIRING_CODE_FAILED' });
    const event = ownerEvent(SALON, 'starting', { epoch: 1, seq: 1 });
    const asked = ownCodes(() => ({ ok: true, event }));
    await browser.showing('qr');
    expect(asked).toEqual([]);
  });

  test('that WhatsApp refuses later is told to the salon as the event says it', async () => {
    ownCodes(() => ({ ok: true }));
    const browser = await gateway.join(SALON);
    await browser.showing('qr');
    const error = { code: 'PAIRING_CODE_FAILED', message: 'WhatsApp refused the request: 429 rate-overlimit' };
    await gateway.publishEvent(
      ownerEvent(SALON, 'pairing-code-error', { epoch: 1, seq: 2 }, { error, state: 'starting' }),
    );
    expect(await browser.got('pairing-code-error')).toMatchObject({ code: 'PAIRING_CODE_FAILED' });
    await browser.showing('starting');
    const late = await gateway.join(SALON);
    await late.showing('starting');
    expect(late.payloads('pairing-code-error')).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveAssignments, serveCommands } from '../../../shared/bus/commands.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import type { CommandErrorCode } from '../../../shared/contract/command-errors.ts';
import type { CommandReply } from '../../../shared/contract/commands.ts';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { startNatsServer } from '../../../test/harness/nats-server.ts';
import { GatewayUnderTest, byHand, ownerEvent, qrFor } from '../../../test/harness/socket-gateway.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';

const SALON = 962_302;

let stack: AsyncDisposableStack;
let gateway: GatewayUnderTest;
let owner: BusConnection;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const server = stack.use(await startNatsServer());
  gateway = stack.use(await GatewayUnderTest.start(server.url, { commandDeadlineMs: 300 }));
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
    expect(await browser.got('qr-update')).toEqual({ qr: '2@qr', expiresIn: 60 });
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
    const late = Promise.withResolvers<CommandReply>();
    const asked = own(() => (asked.length === 1 ? late.promise : refused('CREDENTIALS_UNREADABLE')));
    const browser = await gateway.join(SALON);
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

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectBus, testEvent, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { TcpProxy } from '../../test/harness/tcp-proxy.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { parseCompanyId, type CompanyId } from '../contract/company-id.ts';
import { requestCommand } from './commands.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import { readLastEvent } from './last-event.ts';
import { natsOf } from './nats-connection.ts';
import { ensureStreams } from './streams.ts';

const streams = { replicas: 1, mayChange: true } as const;

/** What breaks out of a subject token or a protocol line if anything does, and ids that are valid. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      'company_',
      '1',
      '9',
      '.',
      '*',
      '>',
      ' ',
      '\r',
      '\n',
      '\r\n',
      '\t',
      '\0',
      'PUB a 0',
      '٣',
      '𝟙',
    ),
  }),
  fc.constantFrom('1 0\r\n\r\nPUB whatsapp.events.999', '962302 x', '*', '>', 'company_1\r\n', 'company_1.2'),
  fc.bigInt({ min: 1n, max: 10n ** 19n }).map(String),
  fc.bigInt({ min: 1n, max: 10n ** 19n }).map((id) => `company_${id}`),
);

let stack: AsyncDisposableStack;
let server: NatsServer;
let wire: TcpProxy;
let client: WatchedBus;
let observer: WatchedBus;
let subjects: string[];

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
  wire = stack.use(await TcpProxy.start(server.port));
  observer = stack.use(await connectBus(server, { name: 'observer' }));
  await ensureStreams(observer.bus, streams);
  subjects = [];
  natsOf(observer.bus).subscribe('whatsapp.>', {
    callback: (_error, message) => {
      subjects.push(message.subject);
      if (message.subject.startsWith('whatsapp.commands.')) message.respond('{"ok":true}');
    },
  });
  await observer.bus.flush(5_000);
  client = stack.use(await connectBus(wire, { name: 'client' }));
});

afterAll(() => stack.disposeAsync());

test('no string whatever reaches a subject but that of the company it names', async () => {
  const publisher = stack.use(new ConfirmedPublisher(client.bus, { streams, maxQueuedPerCompany: 1_000 }));
  const expected: string[] = [];
  let seq = 0;
  await fc.assert(
    fc.asyncProperty(hostile, async (input) => {
      let companyId: CompanyId;
      try {
        companyId = parseCompanyId(input);
      } catch (error) {
        expect(error).toMatchObject({ code: 'COMPANY_ID_INVALID' });
        return;
      }
      seq += 1;
      const outcome = await publisher.publish(companyId, testEvent(companyId, { epoch: 1, seq }));
      expect(outcome).toEqual({ kind: 'stored' });
      await readLastEvent(client.bus, companyId);
      expect(await requestCommand(client.bus, { companyId, name: 'status', deadlineMs: 5_000 })).toEqual({ ok: true });
      expected.push(`whatsapp.events.${companyId}`, `whatsapp.commands.${companyId}`);
    }),
    { numRuns: 400 },
  );
  expect(expected.length).toBeGreaterThan(100);
  expect(await client.bus.flush(5_000)).toBe(true);
  await waitFor(() => subjects.length >= expected.length, { what: 'everything that was sent' });
  expect(subjects.toSorted()).toEqual(expected.toSorted());
});

test('the bytes that went out are protocol lines of those subjects and nothing else', () => {
  const id = 'company_[1-9][0-9]{0,18}';
  const destination = `(?:whatsapp\\.(?:events|commands)\\.${id}|whatsapp\\.assign|\\$JS\\.API\\.[A-Z.]+(?:\\.WHATSAPP_EVENTS(?:\\.whatsapp\\.events\\.${id})?)?)`;
  const allowed = new RegExp(
    `^(?:CONNECT \\{.*\\}|PING|PONG|SUB _INBOX_client\\.\\S+ \\d+|UNSUB \\d+|H?PUB ${destination} _INBOX_client\\.\\S+(?: \\d+)? \\d+)$`,
  );
  const lines = protocolLines(wire.sent);
  expect(lines.length).toBeGreaterThan(100);
  for (const line of lines) expect(line).toMatch(allowed);
});

/** The control lines of what a client sent, payloads skipped by their announced sizes as the server does. */
function protocolLines(sent: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < sent.length;) {
    const end = sent.indexOf('\r\n', at);
    if (end < 0) break;
    const line = sent.slice(at, end);
    lines.push(line);
    at = end + 2;
    if (/^H?PUB /.test(line)) at += Number(line.slice(line.lastIndexOf(' ') + 1)) + 2;
  }
  return lines;
}

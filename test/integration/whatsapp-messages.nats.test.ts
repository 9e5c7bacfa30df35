import { connect, type NatsConnection } from 'nats';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OPENAPI } from '../../services/whatsapp/openapi.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { parseIncomingMessage, type IncomingMessage } from '../../shared/contract/messages.ts';
import { MESSAGES_WILDCARD, messagesSubject } from '../../shared/contract/subjects.ts';
import { LinkingSystem, TEST_PHONES, lidOfPhone } from '../harness/linking-system.ts';
import { waitFor } from '../harness/wait-for.ts';

const SALON = parseCompanyId('962311');
const STRANGER = parseCompanyId('962312');
const [OWNER = '', CLIENT = ''] = TEST_PHONES;
const API_KEY = 'a key for tests';

let system: LinkingSystem;
let nats: NatsConnection;
const published: { readonly message: IncomingMessage; readonly header: (name: string) => string | undefined }[] = [];

beforeAll(async () => {
  system = await LinkingSystem.start({
    env: { WHATSAPP_API_KEY: API_KEY },
    overrides: { sendLimit: { burst: 5, perMinute: 1 } },
  });
  nats = await connect({ servers: system.nats.url });
  nats.subscribe(MESSAGES_WILDCARD, {
    callback: (_error, { subject, data, headers }) => {
      const message = parseIncomingMessage(data);
      if (message && subject === messagesSubject(parseCompanyId(message.companyId))) {
        published.push({ message, header: (name) => headers?.get(name) || undefined });
      }
    },
  });
  await system.link(SALON, OWNER);
});

afterAll(async () => {
  await nats.close();
  await system[Symbol.asyncDispose]();
});

interface Call {
  readonly method?: string;
  readonly body?: string;
  readonly authorization?: string;
}

function call(path: string, { authorization = `Bearer ${API_KEY}`, ...init }: Call = {}): Promise<Response> {
  const headers = { authorization, 'content-type': 'application/json' };
  return fetch(`http://127.0.0.1:${system.service.port}${path}`, { ...init, headers });
}

function send(body: unknown, salonId = '962311'): Promise<Response> {
  return call(`/sessions/${salonId}/messages`, { method: 'POST', body: JSON.stringify(body) });
}

function onPhone(text: string) {
  const found = () =>
    system.simulator.phones.messages(CLIENT).find((message) => 'text' in message && message.text === text);
  return waitFor(found, { what: `${text} on the client's phone`, timeoutMs: 40_000 });
}

function onBus(type: IncomingMessage['type']) {
  return waitFor(() => published.find(({ message }) => message.type === type), {
    what: `a ${type} on the bus`,
    // Baileys holds what arrives in the first seconds of a new login back until its history has come, or 20 s.
    timeoutMs: 50_000,
  });
}

test('what a client writes is on the bus and in the stream, with both addresses and a trace', async () => {
  await system.simulator.phones.write(CLIENT, { to: OWNER, content: { text: 'Есть время завтра?' }, kind: 'lid' });
  const { message, header } = await onBus('text');
  expect(message).toMatchObject({
    type: 'text',
    companyId: SALON,
    from: { phoneNumber: CLIENT, lid: lidOfPhone(CLIENT) },
    text: 'Есть время завтра?',
  });
  expect(header('Nats-Msg-Id')).toBe(`${SALON}:${message.id}`);
  expect(header('ce-type')).toBe('whatsapp.message.text');
  const manager = await nats.jetstreamManager();
  const stored = await waitFor(
    () => manager.streams.getMessage('WHATSAPP_MESSAGES', { last_by_subj: messagesSubject(SALON) }).catch(() => null),
    { what: 'the message in the stream' },
  );
  expect(parseIncomingMessage(stored.data)).toEqual(message);
});

test('a reaction is on the bus with what it is a reaction to', async () => {
  const { id } = (await (await send({ to: CLIENT, text: 'Да, в 12:00' })).json()) as { id: string };
  await onPhone('Да, в 12:00');
  const content = { reaction: { messageId: id, emoji: '👍' } };
  await system.simulator.phones.write(CLIENT, { to: OWNER, content, kind: 'pn' });
  expect((await onBus('reaction')).message).toMatchObject({ targetId: id, emoji: '👍', from: { phoneNumber: CLIENT } });
});

describe('POST /sessions/:companyId/messages', () => {
  test('sends to a phone number in any punctuation, and to a LID', async () => {
    const number = `+${CLIENT.slice(0, 1)} (${CLIENT.slice(1, 4)}) ${CLIENT.slice(4)}`;
    const response = await send({ to: number, text: 'by number' });
    expect(response.status).toBe(201);
    const { id } = (await response.json()) as { id: string };
    expect(id).toMatch(/^[0-9A-F]{8,}$/);
    await onPhone('by number');
    expect((await send({ to: `${lidOfPhone(CLIENT)}@lid`, text: 'by LID' }, SALON)).status).toBe(201);
    await onPhone('by LID');
  });

  test.each([
    [400, 'COMPANY_ID_INVALID', '0', { to: CLIENT, text: 'x' }],
    [404, 'NO_SESSION', STRANGER, { to: CLIENT, text: 'x' }],
    [404, 'NOT_ON_WHATSAPP', '962311', { to: '+7 999 000-99-99', text: 'x' }],
    [400, 'TEXT_REQUIRED', '962311', { to: CLIENT }],
    [400, 'TEXT_REQUIRED', '962311', { to: CLIENT, text: ' \n' }],
    [400, 'TEXT_REQUIRED', '962311', [1]],
    [413, 'TEXT_TOO_LONG', '962311', { to: CLIENT, text: 'x'.repeat(65_537) }],
    [400, 'RECIPIENT_INVALID', '962311', { text: 'x' }],
    [400, 'RECIPIENT_INVALID', '962311', { to: 'Olga', text: 'x' }],
    [400, 'RECIPIENT_INVALID', '962311', { to: '123@g.us', text: 'x' }],
    [400, 'RECIPIENT_INVALID', '962311', { to: '100000000000002:7@lid', text: 'x' }],
  ])('answers %i %s for %s', async (status, code, salonId, body) => {
    const response = await send(body, salonId);
    const refusal: unknown = await response.json();
    expect({ status: response.status, body: refusal }).toMatchObject({
      status,
      body: { error: { code } },
    });
  });

  test('is for the holder of the key', async () => {
    const response = await call('/sessions/962311/messages', {
      method: 'POST',
      body: '{}',
      authorization: '',
    });
    expect(response.status).toBe(401);
  });

  test('a body that is not JSON is refused', async () => {
    const response = await call('/sessions/962311/messages', { method: 'POST', body: '{"to":' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'BAD_BODY' } });
  });

  test('a session that has sent too much is told when to come back', async () => {
    const answers: Response[] = [];
    for (let sent = 0; sent < 6; sent += 1) answers.push(await send({ to: CLIENT, text: `burst ${sent}` }));
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused?.json()).toMatchObject({ error: { code: 'RATE_LIMITED' } });
  });
});

describe('GET /openapi.json', () => {
  let description: typeof OPENAPI;
  beforeEach(async () => {
    description = (await (await call('/openapi.json')).json()) as typeof OPENAPI;
  });

  test('describes routes that exist, and their answers as they are', async () => {
    const { responses } = description.paths['/sessions'].get;
    const answer: unknown = await (await call('/sessions')).json();
    expect(Compile(responses[200].content['application/json'].schema).Check(answer)).toBe(true);
    const { responses: ready } = description.paths['/readyz'].get;
    const readiness: unknown = await (await call('/readyz')).json();
    expect(Compile(ready[200].content['application/json'].schema).Check(readiness)).toBe(true);
    for (const path of Object.keys(description.paths)) {
      const response = await call(path.replace('{companyId}', '962311'), { method: 'OPTIONS' });
      const methods = Object.keys(description.paths[path as keyof typeof description.paths]);
      const allowed = response.headers.get('allow')?.toLowerCase().split(', ') ?? [];
      expect({ path, missing: methods.filter((method) => !allowed.includes(method)) }).toEqual({ path, missing: [] });
      expect({ path, undescribed: allowed.filter((method) => method !== 'head' && !methods.includes(method)) }).toEqual(
        {
          path,
          undescribed: [],
        },
      );
    }
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadKeyring } from '../../services/whatsapp/store/load-keyring.ts';
import { openDatabase } from '../../services/whatsapp/store/open-database.ts';
import { SessionStore } from '../../services/whatsapp/store/session-store.ts';
import { requestCommand } from '../../shared/bus/commands.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { EVENTS_WILDCARD, MESSAGES_WILDCARD } from '../../shared/contract/subjects.ts';
import { OtlpReceiver } from '../harness/otlp-receiver.ts';
import { scanWith, typeCodeInto, writeFrom } from '../harness/phone.ts';
import { TestBrowser } from '../harness/socket-gateway.ts';
import { startSystem, type System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

const BY_QR = { salon: '962310', phone: '79990000001' };
const BY_CODE = { salon: '962311', phone: '79990000002' };
const LOGGED_OUT = { salon: '962312', phone: '79990000003' };
const API_KEY = 'the API key of this test';
const TEXTS = { sent: 'A text that is sent', received: 'A text that is received' };

/** What somebody might read: by name, the whole text. */
const surfaces = new Map<string, string>();
/** What nobody may read there: by name, each in every form in which programs print it. */
const secrets = new Map<string, readonly string[]>();

let receiver: OtlpReceiver;
let system: System;
const tokens: string[] = [];
const events: SessionEvent[] = [];

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const env = {
    LOG_LEVEL: 'trace',
    WHATSAPP_API_KEY: API_KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  system = await startSystem({ env });
  const nats = await connect({ servers: system.natsUrl });
  nats.subscribe(EVENTS_WILDCARD, { callback: (_error, message) => void events.push(message.json()) });
  await nats.flush();

  await linkByQr(BY_QR);
  await linkByCode(BY_CODE);
  await exchangeMessages(nats);
  await linkByQr(LOGGED_OUT);
  await logOut(LOGGED_OUT.salon);
  await receiver.span('the emit of a connect', ({ name }) => name === 'emit whatsapp-connected');

  await readSurfaces();
  await nats.close();
  // Its database lets in one process at a time.
  await system.stopProcess('whatsapp');
  surfaces.set('log of whatsapp', (await system.logs('whatsapp')).join('\n'));
  await collectSecrets();
});

afterAll(async () => {
  await system.stop();
  await receiver[Symbol.asyncDispose]();
});

async function open(salon: string): Promise<TestBrowser> {
  const token = await system.token(salon);
  tokens.push(token);
  return new TestBrowser(system.socketUrl, { auth: { token } });
}

async function linkByQr({ salon, phone }: { salon: string; phone: string }): Promise<void> {
  using browser = await open(salon);
  const { qr } = await browser.got('qr-update');
  await scanWith(system.phoneUrl, phone, String(qr));
  await browser.got('whatsapp-connected');
}

async function linkByCode({ salon, phone }: { salon: string; phone: string }): Promise<void> {
  using browser = await open(salon);
  await browser.got('qr-update');
  // Refused ones are told, and are no more to be read than good ones.
  browser.socket.emit('request-pairing-code', { phoneNumber: `${phone}@lid` });
  await browser.got('pairing-code-error');
  browser.socket.emit('request-pairing-code', { phoneNumber: `+${phone.slice(0, 1)} ${phone.slice(1)}` });
  const { code } = await browser.got('pairing-code');
  await typeCodeInto(system.phoneUrl, phone, String(code));
  await browser.got('whatsapp-connected');
}

/** Each way once, and waits until both are on the bus: what one salon sends the other receives. */
async function exchangeMessages(nats: NatsConnection): Promise<void> {
  const seen: string[] = [];
  nats.subscribe(MESSAGES_WILDCARD, { callback: (_error, message) => void seen.push(message.string()) });
  await nats.flush();
  const response = await fetch(`${system.whatsappUrl}/sessions/${BY_QR.salon}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: BY_CODE.phone, text: TEXTS.sent }),
  });
  expect(response.status).toBe(201);
  await writeFrom(system.phoneUrl, BY_CODE.phone, { to: BY_QR.phone, text: TEXTS.received });
  for (const text of Object.values(TEXTS)) {
    // Baileys holds back what comes right after a first login, for 20 s at most.
    await waitFor(() => seen.some((body) => body.includes(text)), { what: text, timeoutMs: 60_000 });
  }
}

async function logOut(salon: string): Promise<void> {
  await using bus = await BusConnection.connect({ servers: [system.natsUrl], name: 'test' });
  const reply = await requestCommand(bus, { companyId: parseCompanyId(salon), name: 'logout', deadlineMs: 20_000 });
  expect(reply).toMatchObject({ ok: true, event: { type: 'logged-out' } });
}

async function readSurfaces(): Promise<void> {
  for (const [name, url] of Object.entries({
    whatsapp: system.whatsappUrl,
    socket: system.socketUrl,
    canary: system.canaryUrl,
  })) {
    surfaces.set(`metrics of ${name}`, await (await fetch(`${url}/metrics`)).text());
  }
  const headers = { authorization: `Bearer ${API_KEY}` };
  surfaces.set('sessions', await (await fetch(`${system.whatsappUrl}/sessions`, { headers })).text());
  for (const name of ['nats', 'socket', 'canary'] as const) {
    surfaces.set(`log of ${name}`, (await system.logs(name)).join('\n'));
  }
  surfaces.set('spans', receiver.bodies.join('\n'));
}

interface Saved {
  readonly [name: string]: unknown;
  readonly advSecretKey: string;
}

async function collectSecrets(): Promise<void> {
  for (const [name, file] of [
    ['jwt secret', 'jwt-secret'],
    ['credentials key', 'credentials.key'],
  ] as const) {
    const text = (await readFile(join(system.dataDir, file), 'utf8')).trim();
    secrets.set(name, [text, ...printed(Buffer.from(text, 'base64'))]);
  }
  secrets.set('api key', [API_KEY]);
  for (const [name, text] of Object.entries(TEXTS)) secrets.set(`text ${name}`, [text]);
  tokens.forEach((token, index) => secrets.set(`token ${index}`, [token, token.split('.')[2] ?? '']));
  events.forEach(({ qr, code }, index) => {
    // The ref, two public keys and the adv secret; what stands behind them is the name of the platform.
    const parts = qr?.text.split('#')[1]?.split(',').slice(0, 4) ?? [];
    if (qr) secrets.set(`qr ${index}`, [qr.text, ...parts]);
    if (code) secrets.set(`code ${index}`, [code.text, `${code.text.slice(0, 4)}-${code.text.slice(4)}`]);
  });
  for (const { phone } of [BY_QR, BY_CODE, LOGGED_OUT]) secrets.set(`phone ${phone}`, [phone]);
  await using db = await openStore();
  for (const { salon } of [BY_QR, BY_CODE]) {
    const creds = JSON.parse((await db.store.readCreds(parseCompanyId(salon))) ?? '{}') as Saved;
    secrets.set(`adv secret of ${salon}`, printed(Buffer.from(creds.advSecretKey, 'base64')));
    privateKeysIn(creds).forEach((key, index) => secrets.set(`private key ${index} of ${salon}`, printed(key)));
    const preKeys = await db.store.readKeys(parseCompanyId(salon), 'pre-key', ['400', '401', '812']);
    for (const [id, json] of preKeys) {
      privateKeysIn(JSON.parse(json)).forEach((key) => secrets.set(`prekey ${id} of ${salon}`, printed(key)));
    }
  }
}

async function openStore() {
  const db = await openDatabase({ dataDir: system.dataDir });
  const store = new SessionStore(db, await loadKeyring({ dataDir: system.dataDir }));
  return { store, [Symbol.asyncDispose]: () => db.close() };
}

/** Every `private` of Baileys' credentials, wherever it stands. */
function privateKeysIn(value: unknown, name = ''): Buffer[] {
  if (typeof value !== 'object' || value === null) return [];
  if (name === 'private' && 'data' in value) return [Buffer.from(String(value.data), 'base64')];
  return Object.entries(value).flatMap(([key, below]) => privateKeysIn(below, key));
}

/** Base64, hex, as `console.log` shows a buffer, and as JSON or a template shows its bytes. */
function printed(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  const bare = bytes.toString('base64').replace(/=+$/, '');
  return [bare, bytes.toString('base64url'), hex, hex.replaceAll(/(..)(?=.)/g, '$1 '), [...bytes].join(',')];
}

/** Digits count when no others stand around them: a duration in seconds may hold any. */
function isIn(text: string, form: string): boolean {
  return /^[0-9]+$/.test(form) ? new RegExp(`(?<![0-9.])${form}(?![0-9])`).test(text) : text.includes(form);
}

test('everything that is searched is there', async () => {
  expect([...surfaces.keys()].toSorted()).toEqual([
    'log of canary',
    'log of nats',
    'log of socket',
    'log of whatsapp',
    'metrics of canary',
    'metrics of socket',
    'metrics of whatsapp',
    'sessions',
    'spans',
  ]);
  for (const text of surfaces.values()) expect(text.length).toBeGreaterThan(200);
  for (const name of ['log of whatsapp', 'log of socket', 'spans']) {
    for (const { salon } of [BY_QR, BY_CODE, LOGGED_OUT]) expect(surfaces.get(name)).toContain(`company_${salon}`);
  }
  // The level is the most verbose one, and a number is told apart without being told.
  const lines = await waitFor(() => surfaces.get('log of whatsapp'), { what: 'the log' });
  expect(lines).toContain('"level":20');
  expect(lines).toContain('7********01');
  expect([...secrets.keys()].filter((name) => name.startsWith('private key')).length).toBeGreaterThanOrEqual(8);
  expect([...secrets.keys()].filter((name) => name.startsWith('prekey')).length).toBeGreaterThanOrEqual(4);
  expect([...secrets.keys()].some((name) => name.startsWith('code'))).toBe(true);
});

describe('no secret is in', () => {
  test.each([
    'log of whatsapp',
    'log of socket',
    'log of canary',
    'log of nats',
    'metrics of whatsapp',
    'metrics of socket',
    'metrics of canary',
    'sessions',
    'spans',
  ])('the %s', (name) => {
    const text = surfaces.get(name) ?? '';
    const found = [...secrets].filter(([, forms]) => forms.some((form) => form.length > 7 && isIn(text, form)));
    expect(found.map(([secret]) => secret)).toEqual([]);
  });
});

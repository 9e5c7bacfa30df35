import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadPageAssets, type PageAssets } from '../../services/socket/http/page-assets.ts';
import { serveAssignments } from '../../shared/bus/commands.ts';
import type { CommandReply } from '../../shared/contract/commands.ts';
import type { EventType } from '../../shared/contract/events.ts';
import { connectBus } from '../harness/bus.ts';
import { launchChromium, readQrFromScreenshot } from '../harness/chromium.ts';
import { startNatsServer, type NatsServer } from '../harness/nats-server.ts';
import { examine, overflowsSideways, seriousFaults } from '../harness/onboarding-page.ts';
import { GatewayUnderTest, ownerEvent, qrFor, signToken } from '../harness/socket-gateway.ts';
import { waitFor } from '../harness/wait-for.ts';

const NUMBER = '79990000001';
const QR_TEXT = `https://wa.me/settings/linked_devices#2@${'Zm9vYmFyYmF6cXV4'.repeat(12)},1`;
/** No state of the page takes longer on a machine that does other things too, in ms. */
const PATIENCE_MS = 30_000;

let stack: AsyncDisposableStack;
let nats: NatsServer;
let browser: Browser;
let assets: PageAssets;
let gateway: GatewayUnderTest;
let context: BrowserContext;
/** Names of the commands that browsers caused, in order. */
let commands: string[];
let answer: (name: string) => CommandReply;
let salon = 962_400;
let seq = 0;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  [nats, browser, assets] = await Promise.all([
    startNatsServer(),
    launchChromium(),
    loadPageAssets(join(import.meta.dirname, '../../services/socket/page')),
  ]);
  stack.defer(() => nats.stop());
  stack.defer(() => browser.close());
  const { bus } = stack.use(await connectBus(nats));
  gateway = await startGateway();
  stack.defer(() => gateway[Symbol.asyncDispose]());
  stack.use(
    serveAssignments(bus, (command) => {
      commands.push(command.name);
      return Promise.resolve(answer(command.name));
    }),
  );
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  [commands, answer, salon, seq] = [[], () => ({ ok: true }), salon + 1, 0];
  context = await browser.newContext({ locale: 'ru-RU', viewport: { width: 390, height: 844 } });
});

afterEach(() => context.close());

function startGateway(env: Readonly<Record<string, string>> = {}): Promise<GatewayUnderTest> {
  return GatewayUnderTest.start(nats.url, { page: assets, env });
}

/** Opens the page of this test's salon as its owner does. */
async function open(expiresAt?: number): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${gateway.url}/#token=${await signToken(salon, expiresAt)}`);
  return page;
}

/** What the session's owner publishes next. */
function publish(type: EventType, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
  seq += 1;
  return gateway.publishEvent(ownerEvent(salon, type, { epoch: 1, seq }, { phoneNumber: undefined, ...fields }));
}

const qr = (text = QR_TEXT) => publish('qr', qrFor(60_000, text));

const pairingCode = (ttlMs = 50_000) =>
  publish('pairing-code', {
    ...qrFor(60_000, QR_TEXT),
    code: { text: 'ABCD1234', phoneNumber: NUMBER, expiresAt: Date.now() + ttlMs, ttlMs },
  });

function untilState(page: Page, state: string): Promise<void> {
  return page.locator(`main[data-state="${state}"]`).waitFor();
}

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 2, name }).waitFor();
const button = (page: Page, name: string) => page.getByRole('button', { name });

/** Every look of the page: nothing overflows, nothing that axe takes seriously, and the QR reads. */
async function inspect(page: Page, state: string, qrText?: string): Promise<void> {
  const faults: string[] = [];
  await examine(page, state, async ({ name, width }) => {
    if (await overflowsSideways(page)) faults.push(`${name} overflows`);
    if (width === 390) faults.push(...(await seriousFaults(page)).map((fault) => `${name} ${fault}`));
    if (qrText !== undefined) expect(await readQrFromScreenshot(page)).toBe(qrText);
  });
  expect(faults).toEqual([]);
}

describe('a salon owner sees', () => {
  test('look', async () => {
    const page = await open();
    await untilState(page, 'starting');
    await inspect(page, 'starting');
    await qr();
    await untilState(page, 'qr');
    await inspect(page, 'qr', QR_TEXT);
    await button(page, 'Подключить по номеру').click();
    await untilState(page, 'phone-number');
    await inspect(page, 'phone-number');
    await button(page, 'Получить код').click();
    await page.getByRole('alert').filter({ hasText: 'Введите номер' }).waitFor();
    await inspect(page, 'phone-number-error');
    await page.getByRole('textbox').fill('8 999 000-00-01');
    await button(page, 'Получить код').click();
    await untilState(page, 'code-awaited');
    await inspect(page, 'code-awaited');
    await pairingCode();
    await untilState(page, 'pairing-code');
    await inspect(page, 'pairing-code');
    await publish('starting');
    await qr('2@a');
    await untilState(page, 'code-expired');
    await inspect(page, 'code-expired');
    for (const state of [
      'linked',
      'connected',
      'disconnected',
      'replaced',
      'logged-out',
      'client-outdated',
      'passkey-required',
      'failed',
    ] as const) {
      await publish(
        state,
        state === 'connected' || state === 'logged-out'
          ? { phoneNumber: NUMBER }
          : state === 'disconnected'
            ? { reason: 'connection-lost', willRetry: true, retryAt: Date.now() + 20000 }
            : state === 'failed'
              ? { reason: 'bad-session' }
              : {},
      );
      await untilState(page, state);
      await inspect(page, state);
    }
  });
});

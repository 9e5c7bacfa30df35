import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
import {
  PHONE,
  QR_TEXT,
  TestSalon,
  accessibleLines,
  faultsInEveryLook,
  untilState,
} from '../harness/onboarding-page.ts';
import { GatewayUnderTest } from '../harness/socket-gateway.ts';
import { waitFor } from '../harness/wait-for.ts';

let stack: AsyncDisposableStack;
let nats: NatsServer;
let browser: Browser;
let assets: PageAssets;
let gateway: GatewayUnderTest;
/** Of the marketplace that shows the page in a frame. */
let marketplace: string;
let context: BrowserContext;
/** Names of the commands that browsers caused, in order. */
let commands: string[];
let answer: () => CommandReply;
let lastSalon = 962_400;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  [nats, browser, assets, marketplace] = await Promise.all([
    startNatsServer(),
    launchChromium(),
    loadPageAssets(join(import.meta.dirname, '../../services/socket/page')),
    startMarketplace(),
  ]);
  stack.defer(() => nats.stop());
  stack.defer(() => browser.close());
  const { bus } = stack.use(await connectBus(nats));
  gateway = await startGateway();
  stack.defer(() => gateway[Symbol.asyncDispose]());
  stack.use(
    serveAssignments(bus, ({ name }) => {
      commands.push(name);
      return Promise.resolve(answer());
    }),
  );
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  [commands, answer] = [[], () => ({ ok: true })];
  context = await browser.newContext({ locale: 'ru-RU', viewport: { width: 390, height: 844 } });
});

afterEach(() => context.close());

function startGateway(port = '0'): Promise<GatewayUnderTest> {
  const env = { SOCKET_HTTP_PORT: port, ALLOWED_ORIGINS: marketplace };
  return GatewayUnderTest.start(nats.url, { page: assets, env });
}

/** Another site: shows the page whose address stands in the query, and keeps the messages that it gets. */
async function startMarketplace(): Promise<string> {
  const server = createServer((request, response) => {
    const framed = new URL(request.url ?? '/', 'http://marketplace.test').searchParams.get('page') ?? '';
    response.setHeader('content-type', 'text/html');
    response.end(`<script>got=[];onmessage=(m)=>got.push([m.origin,m.data])</script><iframe src="${framed}"></iframe>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function newSalon(): TestSalon {
  lastSalon += 1;
  return new TestSalon(lastSalon, () => gateway);
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const asked = (name: string) => commands.filter((each) => each === name).length;

/** Resolves when the screen reader's view has every line. */
async function reads(page: Page, ...lines: string[]): Promise<void> {
  await waitFor(
    async () => {
      const found = await accessibleLines(page);
      expect(found).toEqual(expect.arrayContaining(lines));
      return true;
    },
    { what: `the page to read ${lines.join(' | ')}`, timeoutMs: 30_000 },
  );
}

describe('a salon links by QR', () => {
  test('sees the steps, the QR and what the phone accepted', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    await reads(page, 'heading "Готовим QR-код" [level=2]', 'button "Подключить по номеру"');
    expect(await faultsInEveryLook(page, 'starting')).toEqual([]);

    await salon.publishQr();
    await reads(page, 'heading "Отсканируйте QR-код" [level=2]', 'img "QR-код для подключения WhatsApp"');
    expect(await faultsInEveryLook(page, 'qr', QR_TEXT)).toEqual([]);

    await salon.publish('linked');
    await reads(page, 'heading "Телефон подтвердил вход" [level=2]');
    expect(await faultsInEveryLook(page, 'linked')).toEqual([]);

    await salon.publish('connected', { phoneNumber: PHONE });
    await reads(page, 'heading "WhatsApp подключён" [level=2]', 'paragraph: +7 999 000-00-01');
    expect(await faultsInEveryLook(page, 'connected')).toEqual([]);
  });

  test('never sees a QR that has ended, and is told that the next one comes', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    await salon.publishQr(QR_TEXT, 2_000);
    await untilState(page, 'qr');
    await reads(page, 'paragraph: Сейчас появится новый код');
    await expect(readQrFromScreenshot(page)).rejects.toThrow('no QR code is readable');
    expect(await faultsInEveryLook(page, 'qr-refreshing')).toEqual([]);
  });

  test('gets new QRs without asking while the page is looked at, three times, then has to ask', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    for (let renewals = 1; renewals <= 3; renewals += 1) {
      await salon.publish('qr-expired');
      await waitFor(() => asked('request-qr') === renewals, { what: `renewal ${renewals}` });
      await salon.publishQr(`2@${renewals}`);
      await untilState(page, 'qr');
    }
    await salon.publish('qr-expired');
    await reads(page, 'heading "QR-код устарел" [level=2]');
    expect(await faultsInEveryLook(page, 'qr-expired')).toEqual([]);
    expect(asked('request-qr')).toBe(3);

    await button(page, 'Показать новый QR-код').click();
    await waitFor(() => asked('request-qr') === 4, { what: 'the request of the person' });
    await salon.publishQr();
    await untilState(page, 'qr');
    expect(await readQrFromScreenshot(page)).toBe(QR_TEXT);
  });

  test('is offered the code when a QR text is longer than any symbol, and the page goes on', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    await salon.publishQr('x'.repeat(4_000));
    await reads(page, 'heading "Не удалось подключить WhatsApp" [level=2]', 'paragraph: "Для поддержки: QR_TOO_LONG"');
    await salon.publishQr();
    await untilState(page, 'qr');
    expect(await readQrFromScreenshot(page)).toBe(QR_TEXT);
  });
});

describe('a salon links by pairing code', () => {
  async function askForCode(page: Page, typed: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Номер WhatsApp салона' }).fill(typed);
    await button(page, 'Получить код').click();
  }

  test('types its number, copies the code and gets a new one when that has ended', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const salon = newSalon();
    const page = await salon.open(context);
    await salon.publishQr();
    await button(page, 'Подключить по номеру').click();
    await reads(page, 'heading "Подключение по номеру" [level=2]', 'textbox "Номер WhatsApp салона"');
    expect(await page.getByRole('textbox').evaluate((input) => input === document.activeElement)).toBe(true);
    expect(await faultsInEveryLook(page, 'phone-number')).toEqual([]);
    await askForCode(page, '');
    await reads(page, 'alert: Введите номер телефона.');
    await askForCode(page, '+7 999 000-00-0');
    await reads(page, 'alert: "Проверьте номер: нужны все цифры вместе с кодом страны."');
    expect(await faultsInEveryLook(page, 'phone-number-refused')).toEqual([]);

    await askForCode(page, '8 (999) 000-00-01');
    await reads(page, 'heading "Получаем код" [level=2]', 'paragraph: +7 999 000-00-01');
    expect(await faultsInEveryLook(page, 'code-awaited')).toEqual([]);
    await salon.publishCode();
    await reads(page, 'heading "Введите код в WhatsApp" [level=2]', 'paragraph: "Код: A B C D 1 2 3 4"');
    await button(page, 'Скопировать код').click();
    await button(page, 'Код скопирован').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('ABCD1234');
    expect(await faultsInEveryLook(page, 'pairing-code')).toEqual([]);

    await salon.publishCode('EFGH5678', 2_000);
    await reads(page, 'paragraph: "Код: E F G H 5 6 7 8"');
    await reads(page, 'heading "Нужен новый код" [level=2]');
    expect(await faultsInEveryLook(page, 'code-expired')).toEqual([]);
    await button(page, 'Получить новый код').click();
    await untilState(page, 'code-awaited');
    await salon.publishCode('JKLM2345');
    await reads(page, 'paragraph: "Код: J K L M 2 3 4 5"');
    await salon.publish('connected', { phoneNumber: PHONE });
    await untilState(page, 'connected');
  });

  test.each([
    ['PAIRING_CODE_FAILED', /^alert: WhatsApp не дал код/],
    ['BAILEYS_ERROR', /^alert: Связь с WhatsApp прервалась/],
  ])('is told in words of %s and keeps the number for the next attempt', async (code, words) => {
    const salon = newSalon();
    const page = await salon.open(context);
    await salon.publishQr();
    await button(page, 'Подключить по номеру').click();
    await askForCode(page, PHONE);
    await untilState(page, 'code-awaited');
    await salon.publish('pairing-code-error', { error: { code, message: 'no' } });
    await untilState(page, 'phone-number');
    expect(await accessibleLines(page)).toContainEqual(expect.stringMatching(words));
    expect(await page.getByRole('textbox').inputValue()).toBe(PHONE);
  });

  test('goes back to the QR that has been running all the time', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    await salon.publishCode();
    await untilState(page, 'pairing-code');
    await button(page, 'Изменить номер').click();
    await untilState(page, 'phone-number');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await salon.publishQr();
    await untilState(page, 'qr');
    expect(await readQrFromScreenshot(page)).toBe(QR_TEXT);
  });
});

interface Ending {
  readonly type: EventType;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly title: string;
  /** Absent where there is nothing for the owner to do. */
  readonly action?: string;
}

const ENDINGS: readonly Ending[] = [
  {
    type: 'disconnected',
    fields: { reason: 'connection-lost', willRetry: true },
    title: 'Связь с WhatsApp прервалась',
  },
  {
    type: 'disconnected',
    fields: { reason: 'timed-out', willRetry: false },
    title: 'Связь с WhatsApp прервалась',
    action: 'Подключить снова',
  },
  { type: 'replaced', title: 'Подключение открыто в другом месте', action: 'Подключить снова' },
  { type: 'logged-out', title: 'WhatsApp отключён от салона', action: 'Показать новый QR-код' },
  { type: 'client-outdated', title: 'Нужно обновление с нашей стороны', action: 'Подключить снова' },
  { type: 'passkey-required', title: 'WhatsApp требует ключ доступа', action: 'Подключить другой номер' },
  {
    type: 'failed',
    fields: { reason: 'bad-session' },
    title: 'Не удалось подключить WhatsApp',
    action: 'Показать новый QR-код',
  },
];

describe('a salon whose session has ended', () => {
  test('is told why and what to do, and can begin anew from each end', async () => {
    const salon = newSalon();
    const page = await salon.open(context);
    for (const { type, fields, title, action } of ENDINGS) {
      await salon.publish(type, fields);
      await reads(page, `heading "${title}" [level=2]`);
      const look = fields?.['willRetry'] === false ? `${type}-for-good` : type;
      expect(await faultsInEveryLook(page, look)).toEqual([]);
      if (action === undefined) continue;
      const before = asked('request-qr');
      await button(page, action).click();
      await waitFor(() => asked('request-qr') === before + 1, { what: `${action} to ask for a QR` });
      await untilState(page, 'starting');
    }
  });

  test('hears of a request that is refused for good, with the code for support', async () => {
    answer = () => ({ ok: false, error: { code: 'CREDENTIALS_UNREADABLE', message: 'no' } });
    const page = await newSalon().open(context);
    await reads(page, 'paragraph: "Для поддержки: CREDENTIALS_UNREADABLE"', 'button "Показать новый QR-код"');
  });

  test('hears of a service that does not answer, and need not do anything', async () => {
    answer = () => ({ ok: false, error: { code: 'INTERNAL', message: 'no' } });
    const page = await newSalon().open(context);
    await page.getByText('Сервис WhatsApp сейчас не отвечает.').first().waitFor();
    expect(await faultsInEveryLook(page, 'service-silent')).toEqual([]);
    answer = () => ({ ok: true });
  });
});

test('both tabs of a salon flip, and both notice', async () => {
  const salon = newSalon();
  const [first, second] = [await salon.open(context), await salon.open(context)];
  await salon.publishQr();
  await Promise.all([untilState(first, 'qr'), untilState(second, 'qr')]);
  await salon.publish('connected', { phoneNumber: PHONE });
  await Promise.all([untilState(first, 'connected'), untilState(second, 'connected')]);
});

test('a browser without a network shows no QR, says so, and shows the QR again when it is back', async () => {
  const salon = newSalon();
  const page = await salon.open(context);
  await salon.publishQr();
  await untilState(page, 'qr');
  await context.setOffline(true);
  await reads(page, 'heading "Восстанавливаем связь" [level=2]');
  await page.getByText('Проверьте, есть ли интернет').first().waitFor();
  await expect(readQrFromScreenshot(page)).rejects.toThrow('no QR code is readable');
  expect(await faultsInEveryLook(page, 'reconnecting')).toEqual([]);
  await context.setOffline(false);
  await untilState(page, 'qr');
  expect(await readQrFromScreenshot(page)).toBe(QR_TEXT);
});

test('a restart of the socket service hides every code, keeps what was achieved and typed, and ends where it began', async () => {
  const shown = ['qr', 'pairing-code', 'linked', 'connected', 'failed', 'phone-number'] as const;
  const salons = shown.map(newSalon);
  const [qr, code, linked, connected, failed, form] = salons as [TestSalon, ...TestSalon[]];
  const pages = await Promise.all(salons.map((salon) => salon.open(context)));
  await Promise.all([
    qr.publishQr(),
    code?.publishCode(),
    linked?.publish('linked'),
    connected?.publish('connected', { phoneNumber: PHONE }),
    failed?.publish('failed'),
    form?.publishQr(),
  ]);
  const typing = pages.at(-1) as Page;
  await untilState(typing, 'qr');
  await button(typing, 'Подключить по номеру').click();
  await typing.getByRole('textbox').fill('+7 999 0');
  const all = (states: readonly string[]) => Promise.all(states.map((state, i) => untilState(pages[i] as Page, state)));
  await all(shown);

  const { port } = gateway.service;
  await gateway[Symbol.asyncDispose]();
  await all(['reconnecting', 'reconnecting', 'reconnecting', 'connected', 'reconnecting', 'phone-number']);
  await typing.getByRole('button', { name: 'Получить код', disabled: true }).waitFor();
  await pages[3]?.getByText('Страница потеряла связь с сервисом').first().waitFor();
  gateway = await startGateway(String(port));
  await all(shown);
  expect(await readQrFromScreenshot(pages[0] as Page)).toBe(QR_TEXT);
  await typing.getByRole('button', { name: 'Получить код', disabled: false }).waitFor();
  expect(await typing.getByRole('textbox').inputValue()).toBe('+7 999 0');
});

describe('a link', () => {
  test('that expires takes the QR away and says where a new one is; a connected salon stays connected', async () => {
    const [waiting, done] = [newSalon(), newSalon()];
    await Promise.all([waiting.publishQr(), done.publish('connected', { phoneNumber: PHONE })]);
    const expiresAt = Math.ceil(Date.now() / 1000) + 8;
    const other = await done.open(context, { expiresAt });
    await untilState(other, 'connected');
    const page = await waiting.open(context, { expiresAt });
    await reads(page, 'heading "Ссылка устарела" [level=2]');
    await expect(readQrFromScreenshot(page)).rejects.toThrow('no QR code is readable');
    await reads(other, 'paragraph: Ссылка на эту страницу устарела, состояние здесь больше не обновляется.');
    expect(await other.locator('main').getAttribute('data-state')).toBe('connected');
    expect(await faultsInEveryLook(page, 'token-expired')).toEqual([]);
    expect(await faultsInEveryLook(other, 'connected-no-longer-updated')).toEqual([]);
  });

  test('without a token, or with a wrong one, leads back to the account', async () => {
    const page = await context.newPage();
    await page.goto(gateway.url);
    await reads(page, 'heading "Откройте страницу из личного кабинета" [level=2]');
    expect(await faultsInEveryLook(page, 'token-missing')).toEqual([]);
    await page.goto(`${gateway.url}/#token=a.b.c`);
    await reads(page, 'heading "Ссылка не подходит" [level=2]');
    expect(await faultsInEveryLook(page, 'token-invalid')).toEqual([]);
    expect(page.url()).toBe(`${gateway.url}/`);
  });

  test('may ask for English', async () => {
    const salon = newSalon();
    const page = await salon.open(context, { query: '?lang=en' });
    await salon.publishCode();
    await reads(page, 'heading "Type the code in WhatsApp" [level=2]', 'button "Copy the code"');
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await faultsInEveryLook(page, 'english-pairing-code')).toEqual([]);
  });
});

describe('the page tells of a connect', () => {
  const EMBED = () => `?embed=${encodeURIComponent(marketplace)}`;

  test('by an event on its window, once', async () => {
    const salon = newSalon();
    await context.addInitScript(() => {
      const details: unknown[] = [];
      Object.assign(globalThis, { details });
      addEventListener('whatsapp-connected', (event) => details.push((event as CustomEvent).detail));
    });
    const page = await salon.open(context);
    await salon.publish('connected', { phoneNumber: PHONE });
    await salon.publish('connected', { phoneNumber: PHONE });
    await untilState(page, 'connected');
    const details = await page.evaluate(() => (globalThis as unknown as { details: unknown[] }).details);
    expect(details).toEqual([{ sessionId: `company_${salon.id}`, phone: PHONE }]);
  });

  test('by a message to the allowed page around it', async () => {
    const salon = newSalon();
    const own = await salon.open(context, { query: EMBED() });
    await salon.publish('connected', { phoneNumber: PHONE });
    await untilState(own, 'connected');

    const around = await context.newPage();
    const { token } = await own.evaluate(() => ({ token: sessionStorage.getItem('onboarding-token') }));
    await around.goto(`${marketplace}/?page=${encodeURIComponent(`${gateway.url}/${EMBED()}#token=${token}`)}`);
    const got = () => around.evaluate(() => (globalThis as unknown as { got: unknown[] }).got);
    await waitFor(async () => (await got()).length > 0, { what: 'the message' });
    expect(await got()).toEqual([
      [gateway.url, { type: 'whatsapp-connected', sessionId: `company_${salon.id}`, phone: PHONE }],
    ]);
  });

  test('to nobody who frames it without being asked for', async () => {
    const around = await context.newPage();
    const refused: string[] = [];
    around.on('console', (message) => refused.push(message.text()));
    await around.goto(`${marketplace}/?page=${encodeURIComponent(gateway.url)}`);
    await waitFor(() => refused.some((text) => text.includes('frame-ancestors')), { what: 'the refusal to frame' });
    expect((await fetch(`${gateway.url}/?embed=https://evil.test`)).status).toBe(403);
  });
});

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, readQrFromScreenshot } from '../harness/chromium.ts';
import { untilState } from '../harness/onboarding-page.ts';
import { scanWith } from '../harness/phone.ts';
import { startSystem, type System } from '../harness/system.ts';

let browser: Browser;
let system: System;
let lastSalon = 962_700;

beforeAll(async () => {
  [browser, system] = await Promise.all([launchChromium(), startSystem()]);
});

afterAll(async () => {
  await browser.close();
  await system.stop();
});

afterEach(() => fetch(`${system.phoneUrl}/scenarios`, { method: 'DELETE' }));

/** Has WhatsApp behave so for every salon until the end of the test. */
async function play(name: string, params: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await ask('/scenarios', { default: true, name, params });
}

async function ask(path: string, body: object): Promise<void> {
  const response = await fetch(`${system.phoneUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`the phone refused: ${response.status} ${await response.text()}`);
}

async function openOnboarding(): Promise<Page> {
  lastSalon += 1;
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: 'ru-RU' });
  page.setDefaultTimeout(60_000);
  await page.goto(await system.pageUrl(String(lastSalon)));
  return page;
}

async function scan(page: Page, phone: string): Promise<void> {
  await untilState(page, 'qr');
  await scanWith(system.phoneUrl, phone, await readQrFromScreenshot(page));
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

/** Asks for a code for the number and answers it as a person reads it. */
async function codeFor(page: Page, phone: string): Promise<string> {
  await page.getByRole('textbox', { name: 'Номер WhatsApp салона' }).fill(phone);
  await press(page, 'Получить код');
  return readCode(page, phone);
}

async function readCode(page: Page, phone: string): Promise<string> {
  await page.locator('main[data-state="pairing-code"]', { hasText: phone.slice(-2) }).waitFor();
  const spelled = await page.getByText(/^Код: /).textContent();
  return (spelled ?? '').replace('Код: ', '').replaceAll(' ', '');
}

test('a salon types the code of the page on its phone, unlinks there, and begins anew', async () => {
  const phone = '79990000001';
  const page = await openOnboarding();
  await untilState(page, 'qr');
  await press(page, 'Подключить по номеру');
  const code = await codeFor(page, '8 999 000 00 01');
  await expect(ask(`/phones/${phone}/pairing-code`, { code: 'AAAAAAAA' })).rejects.toThrow('CODE_WRONG');
  await ask(`/phones/${phone}/pairing-code`, { code });
  await page.getByRole('heading', { name: 'WhatsApp подключён' }).waitFor();
  expect(await page.locator('main').ariaSnapshot()).toContain('+7 999 000-00-01');

  await ask(`/phones/${phone}/unlink`, {});
  await page.getByRole('heading', { name: 'WhatsApp отключён от салона' }).waitFor();
  await press(page, 'Показать новый QR-код');
  await scan(page, phone);
  await untilState(page, 'connected');
  await page.close();
});

test('a code for another number takes the place of the one before, and the QR stays within reach', async () => {
  const page = await openOnboarding();
  await untilState(page, 'qr');
  await press(page, 'Подключить по номеру');
  const first = await codeFor(page, '+7 999 000-00-02');
  await press(page, 'Изменить номер');
  expect(await codeFor(page, '+7 999 000-00-03')).not.toBe(first);
  await press(page, 'Перейти к QR-коду');
  await scan(page, '79990000002');
  await untilState(page, 'connected');
  await page.close();
});

test('a salon whose account wants a passkey is told so, and may link another number', async () => {
  await play('passkey');
  const page = await openOnboarding();
  await expect(scan(page, '79990000001')).rejects.toThrow('PASSKEY_REQUIRED');
  await page.getByRole('heading', { name: 'WhatsApp требует ключ доступа' }).waitFor();
  await fetch(`${system.phoneUrl}/scenarios`, { method: 'DELETE' });
  await press(page, 'Подключить другой номер');
  await scan(page, '79990000002');
  await untilState(page, 'connected');
  await page.close();
});

test.each([
  ['outdated', 'Нужно обновление с нашей стороны', 'Подключить снова'],
  ['registration-refused', 'Не удалось подключить WhatsApp', 'Показать новый QR-код'],
  ['qr-exhausted', 'QR-код устарел', 'Показать новый QR-код'],
])(
  'a salon that WhatsApp keeps out (%s) reads: %s, and links when WhatsApp lets it',
  async (scenario, title, action) => {
    await play(scenario);
    const page = await openOnboarding();
    await page.getByRole('heading', { name: title }).waitFor();
    await fetch(`${system.phoneUrl}/scenarios`, { method: 'DELETE' });
    await press(page, action);
    await scan(page, '79990000003');
    await untilState(page, 'connected');
    await page.close();
  },
);

test('a salon whose session is taken over elsewhere is told so', async () => {
  const page = await openOnboarding();
  await play('conflict', { afterMs: 0 });
  await scan(page, '79990000001');
  await page.getByRole('heading', { name: 'Подключение открыто в другом месте' }).waitFor();
  await fetch(`${system.phoneUrl}/scenarios`, { method: 'DELETE' });
  await press(page, 'Подключить снова');
  await untilState(page, 'connected');
  await page.close();
});

import { connect } from 'nats';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, readQrFromScreenshot } from '../harness/chromium.ts';
import { typeCodeInto } from '../harness/phone.ts';
import { startSystem, type System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

const SALON = '962302';
const OTHER_SALON = '962303';
const SALON_BY_HAND = '962305';
const SALON_WHILE_DOWN = '962306';
const SALON_BY_CODE = '962307';
const SALON_CORRECTED = '962308';
const SALON_BY_SECOND_CODE = '962309';

let browser: Browser;
let system: System;

beforeAll(async () => {
  [browser, system] = await Promise.all([launchChromium(), startSystem()]);
});

afterAll(async () => {
  await browser.close();
  await system.stop();
});

/** Opens the onboarding page of a salon as its owner does: the link with the token, on a phone's width. */
async function openOnboarding(salonId: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: 'ru-RU' });
  await page.goto(await system.pageUrl(salonId));
  return page;
}

async function untilState(page: Page, state: string): Promise<void> {
  await page.locator(`[data-state="${state}"]`).waitFor({ timeout: 60_000 });
}

async function askForCode(page: Page, typedNumber: string): Promise<void> {
  await page.getByRole('button', { name: 'Подключить по номеру' }).click();
  await page.getByRole('textbox', { name: 'Номер WhatsApp салона' }).fill(typedNumber);
  await page.getByRole('button', { name: 'Получить код' }).click();
}

async function readCode(page: Page): Promise<string> {
  await untilState(page, 'pairing-code');
  const shown = await page.getByText(/^Код: /).innerText();
  return shown.replace('Код:', '').replaceAll(/[^0-9A-Z]/g, '');
}

/** Answers every state that the page shows from now on, however briefly. */
async function recordStates(page: Page): Promise<() => Promise<string[]>> {
  const recording = await page.evaluateHandle(() => {
    const states: string[] = [];
    const main = document.querySelector<HTMLElement>('#page');
    const record = () => states.push(main?.dataset['state'] ?? '');
    if (main) new MutationObserver(record).observe(main, { attributeFilter: ['data-state'] });
    return states;
  });
  return () => recording.jsonValue();
}

/** Scans with the simulator's phone page what a person sees: the QR comes from the pixels of the onboarding page. */
async function scanWithPhone(qr: string): Promise<void> {
  const phone = await browser.newPage();
  await phone.goto(system.phoneUrl);
  await phone.getByRole('textbox', { name: 'Text of a QR code' }).fill(qr);
  await phone.getByRole('button', { name: 'Scan pasted text' }).click();
  await phone
    .getByRole('status')
    .filter({ hasText: /linked/i })
    .waitFor();
  await phone.close();
}

/** What an operator publishes by hand: core NATS, no header, the four legacy fields. */
async function publishByHand(salonId: string, type = 'connected'): Promise<void> {
  const nats = await connect({ servers: system.natsUrl });
  const companyId = `company_${salonId}`;
  nats.publish(
    `whatsapp.events.${companyId}`,
    JSON.stringify({ type, companyId, phoneNumber: '79990000001', timestamp: 1_764_870_000_000 }),
  );
  await nats.drain();
}

describe('a connected event published by hand', () => {
  test('flips every tab of the salon and those opened later, and no tab of another salon', async () => {
    const tabs = await Promise.all([SALON_BY_HAND, SALON_BY_HAND, OTHER_SALON].map(openOnboarding));
    const [first, second, stranger] = tabs as [Page, Page, Page];
    await Promise.all(tabs.map((tab) => untilState(tab, 'qr')));
    await publishByHand(SALON_BY_HAND);
    await untilState(first, 'connected');
    await untilState(second, 'connected');
    const late = await openOnboarding(SALON_BY_HAND);
    await untilState(late, 'connected');
    await untilState(stranger, 'qr');
    await Promise.all([...tabs, late].map((tab) => tab.close()));
  });

  test('flips a page whose socket service was down meanwhile, as soon as that is back', async () => {
    const page = await openOnboarding(SALON_WHILE_DOWN);
    await untilState(page, 'qr');
    await system.stopProcess('socket');
    await untilState(page, 'reconnecting');
    await publishByHand(SALON_WHILE_DOWN);
    await system.startProcess('socket');
    await untilState(page, 'connected');
    await page.close();
  });
});

test('any other state published by hand gives way to what is true, on the open page', async () => {
  const page = await openOnboarding(SALON_CORRECTED);
  await untilState(page, 'qr');
  const states = await recordStates(page);
  await publishByHand(SALON_CORRECTED, 'logged-out');
  await waitFor(async () => (await states()).join(' ').includes('logged-out qr'), { what: 'the QR to be back' });
  await page.close();
});

describe('a salon links its WhatsApp', () => {
  test('by typing the code on the page into the phone', async () => {
    const page = await openOnboarding(SALON_BY_CODE);
    await untilState(page, 'qr');
    await askForCode(page, '8 (999) 000-00-02');
    await typeCodeInto(system.phoneUrl, '79990000002', await readCode(page));
    await untilState(page, 'connected');
    await page.close();
  });

  test('by a second code with one tap, when the service dies with the first one on the page', async () => {
    const page = await openOnboarding(SALON_BY_SECOND_CODE);
    await untilState(page, 'qr');
    await askForCode(page, '8 (999) 000-00-03');
    const lost = await readCode(page);
    await system.kill('whatsapp');
    await system.startProcess('whatsapp');
    await untilState(page, 'code-expired');
    await page.getByText('+7 999 000-00-03', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Получить новый код' }).click();
    const code = await readCode(page);
    expect(code).not.toBe(lost);
    await typeCodeInto(system.phoneUrl, '79990000003', code);
    await untilState(page, 'connected');
    await page.close();
  });

  test('by scanning the QR on the page, and stays connected over a restart of everything', async () => {
    const page = await openOnboarding(SALON);
    const stranger = await openOnboarding(OTHER_SALON);
    await untilState(page, 'qr');
    await scanWithPhone(await readQrFromScreenshot(page));
    await untilState(page, 'connected');
    await untilState(stranger, 'qr');

    await system.restart();
    await untilState(page, 'connected');
    const later = await openOnboarding(SALON);
    await untilState(later, 'connected');
    const session = await waitFor(() => system.session(SALON), { what: 'the restored session' });
    expect(session).toMatchObject({ companyId: `company_${SALON}`, state: 'connected' });
    await Promise.all([page, stranger, later].map((open) => open.close()));
  });
});

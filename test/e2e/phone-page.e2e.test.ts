import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchChromium } from '../harness/chromium.ts';
import { ANNA, BORIS, SimulatedWhatsApp } from '../harness/simulated-whatsapp.ts';
import { waitFor } from '../harness/wait-for.ts';

let browser: Browser;
let whatsApp: SimulatedWhatsApp;
let page: Page;

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  whatsApp = await SimulatedWhatsApp.start();
  page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await page.goto(whatsApp.simulator.httpUrl);
  await page.locator('#phone[data-state="ready"]').waitFor();
});

afterEach(async () => {
  await page.close();
  await whatsApp[Symbol.asyncDispose]();
});

const result = (text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor();

test('the code of a device is typed on the phone: a wrong one is told, the right one links', async () => {
  const client = whatsApp.connect();
  await client.qr();
  const code = await client.socket.requestPairingCode(ANNA);
  await page.getByText('Chrome (Mac OS) wants to be linked').waitFor();
  await page.getByLabel('Code', { exact: true }).fill('AAAA-1111');
  await page.getByRole('button', { name: 'Type the code' }).click();
  await result('This is not the code');
  await page.getByLabel('Code', { exact: true }).fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Type the code' }).click();
  await result('Linked as device 1');
  expect(await client.closed()).toMatchObject({ status: 515 });
});

test('a message is written and shown, and one that came is marked as read', async () => {
  const client = await whatsApp.logIn(await whatsApp.link());
  await page.getByLabel('To', { exact: true }).selectOption(BORIS);
  await page.getByLabel('Text', { exact: true }).fill('hello from the phone');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#messages').getByText('hello from the phone').waitFor();
  expect(whatsApp.simulator.phones.messages(BORIS)).toMatchObject([{ direction: 'in', text: 'hello from the phone' }]);

  await client.socket.sendMessage(`${BORIS}@s.whatsapp.net`, { text: 'hello from the salon' });
  // The list of its sender has it, too, with nothing to press.
  await page.locator('#messages').getByText('hello from the salon').waitFor();
  await page.getByLabel('Whose phone').selectOption(BORIS);
  await page
    .locator('#messages .row')
    .filter({ hasText: 'from the salon' })
    .getByRole('button', { name: 'Read' })
    .click();
  await result('The sender knows');
  const status = () => whatsApp.simulator.phones.messages(ANNA).at(-1)?.status;
  await waitFor(() => status() === 'read', { what: 'the read receipt' });
});

test('a scenario is chosen for the phone and ended', async () => {
  const client = await whatsApp.logIn(await whatsApp.link());
  await page.getByText('Let WhatsApp misbehave').click();
  await page.getByLabel('How', { exact: true }).selectOption('conflict');
  await page.getByText('The client sees: 440').waitFor();
  await page.getByLabel('afterMs').fill('0');
  await page.getByRole('button', { name: 'Apply' }).click();
  await result('From now on: conflict');
  expect(await client.closed()).toMatchObject({ status: 440 });
  await page.locator('#selections').getByText('conflict · afterMs 0').waitFor();
  await page.locator('#selections').getByRole('button', { name: 'End' }).click();
  await result('Back to normal');
  await waitFor(() => whatsApp.simulator.scenarios.list().length === 0, { what: 'the end of the scenario' });
});

test('a scenario that cannot be is explained', async () => {
  await page.getByText('Let WhatsApp misbehave').click();
  await page.getByLabel('How', { exact: true }).selectOption('refused');
  await page.getByRole('button', { name: 'Apply' }).click();
  await result('begins before the handshake');
  await page.getByLabel('For whom').selectOption('company');
  await page.getByLabel('Company', { exact: true }).fill('nobody');
  await page.getByRole('button', { name: 'Apply' }).click();
  await result('not a company id');
});

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { BrowserContext, Page } from 'playwright-core';
import type { EventType } from '../../shared/contract/events.ts';
import { readQrFromScreenshot } from './chromium.ts';
import { ownerEvent, qrFor, signToken, type GatewayUnderTest } from './socket-gateway.ts';

/** Looked at by people; not in the repository. */
const SCREENSHOT_FOLDER = join(import.meta.dirname, '../../test-results/screenshots');
/** No state of the page takes longer on a machine that does other things too, in ms. */
const PATIENCE_MS = 30_000;

const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
] as const;
const SCHEMES = ['light', 'dark'] as const;

/** The number of every phone here. */
export const PHONE = '79990000001';
/** As long as those of WhatsApp. */
export const QR_TEXT = `https://wa.me/settings/linked_devices#2@${'Zm9vYmFyYmF6cXV4'.repeat(12)},1`;

/** A salon whose session's owner says what the test wants. */
export class TestSalon {
  readonly id: number;
  readonly #gateway: () => GatewayUnderTest;
  #seq = 0;

  constructor(id: number, gateway: () => GatewayUnderTest) {
    this.id = id;
    this.#gateway = gateway;
  }

  /** Opens the page as the salon's owner does, by the link with the token. */
  async open(context: BrowserContext, { expiresAt, query = '' }: { expiresAt?: number; query?: string } = {}) {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${this.#gateway().url}/${query}#token=${await signToken(this.id, expiresAt)}`);
    return page;
  }

  publish(type: EventType, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.#seq += 1;
    const position = { epoch: 1, seq: this.#seq };
    return this.#gateway().publishEvent(ownerEvent(this.id, type, position, { phoneNumber: undefined, ...fields }));
  }

  publishQr(text = QR_TEXT, ttlMs = 60_000): Promise<void> {
    return this.publish('qr', qrFor(ttlMs, text));
  }

  publishCode(text = 'ABCD1234', ttlMs = 50_000): Promise<void> {
    const code = { text, phoneNumber: PHONE, expiresAt: Date.now() + ttlMs, ttlMs };
    return this.publish('pairing-code', { ...qrFor(60_000, QR_TEXT), code });
  }
}

/** Resolves when the page has drawn the state. */
export function untilState(page: Page, state: string): Promise<void> {
  return page.locator(`main[data-state="${state}"]`).waitFor();
}

/** What a screen reader finds on the page, as one line for each thing. */
export async function accessibleLines(page: Page): Promise<string[]> {
  const tree = await page.locator('main').ariaSnapshot();
  return tree.split('\n').map((line) => line.trim().replace(/^- /, ''));
}

/**
 * Shows the page on a phone and on a computer, light and dark, writes a screenshot of each look and answers what is wrong
 * with any: it has to be scrolled sideways, axe finds something serious or critical, or the QR does not read. The page
 * ends as it began: on a phone, light.
 */
export async function faultsInEveryLook(page: Page, state: string, qrText?: string): Promise<string[]> {
  await mkdir(SCREENSHOT_FOLDER, { recursive: true });
  const faults: string[] = [];
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const look = `${state}-${size.width}-${colorScheme}`;
      await page.screenshot({ path: join(SCREENSHOT_FOLDER, `${look}.png`), animations: 'disabled' });
      if (qrText !== undefined && (await readQrFromScreenshot(page)) !== qrText) faults.push(`${look}: another QR`);
      if (await overflowsSideways(page)) faults.push(`${look}: wider than the screen`);
      // Colours do not depend on the width, and the layout does not depend on the colours: three looks show everything.
      if (look.endsWith('1280-dark')) continue;
      faults.push(...(await seriousFaults(page)).map((fault) => `${look}: ${fault}`));
    }
  }
  await page.setViewportSize(SIZES[0]);
  await page.emulateMedia({ colorScheme: 'light' });
  return faults;
}

async function seriousFaults(page: Page): Promise<string[]> {
  const isLoaded = await page.evaluate(() => 'axe' in globalThis);
  // Through the debugger, as everything that a test runs in a page: the page's own policy stays as it is.
  if (!isLoaded) await page.evaluate(axe.source);
  const results = await page.evaluate<AxeResults>('axe.run(document)');
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
}

function overflowsSideways(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}

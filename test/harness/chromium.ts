import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import jsqr from 'jsqr';
import { chromium, type Browser, type Page } from 'playwright-core';
import { PNG } from 'pngjs';

/** No Chromium on this machine; the message names the command that installs it. Trying again does not help. */
class ChromiumMissingError extends Error {
  override readonly name = 'ChromiumMissingError';
  readonly code = 'CHROMIUM_MISSING';

  shouldRetry(): boolean {
    return false;
  }
}

/** No QR can be read from the pixels of a page; it may not be drawn yet. */
class QrUnreadableError extends Error {
  override readonly name = 'QrUnreadableError';
  readonly code = 'QR_UNREADABLE';

  shouldRetry(): boolean {
    return true;
  }
}

const BINARY_NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const FIXED_PATHS = [
  '/usr/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * Starts a headless Chromium: `CHROMIUM_BIN`, else the first one in PATH or at its usual place. It speaks to nobody but
 * the pages under test. The caller closes it. Rejects with `ChromiumMissingError` when there is none.
 */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: findChromium(),
    headless: true,
    // Chromium's sandbox refuses to run as root, which is what a container's user usually is.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/** The binary that `launchChromium` runs; throws `ChromiumMissingError`. */
function findChromium(): string {
  const asked = process.env['CHROMIUM_BIN'];
  if (asked !== undefined && asked !== '') {
    if (isExecutable(asked)) return asked;
    throw new ChromiumMissingError(`CHROMIUM_BIN names ${asked}, which is not an executable file`);
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = BINARY_NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [...candidates, ...FIXED_PATHS].find(isExecutable);
  if (found !== undefined) return found;
  throw new ChromiumMissingError(
    'Chromium is not installed. Debian and Ubuntu: apt-get install --no-install-recommends chromium; ' +
      'macOS: brew install --cask chromium; or set CHROMIUM_BIN to a Chromium or Chrome binary.',
  );
}

/**
 * The text of the QR that a person would see on the page now, read from the pixels of a screenshot. Rejects with
 * `QrUnreadableError` when there is none.
 */
export async function readQrFromScreenshot(page: Page): Promise<string> {
  const { data, width, height } = PNG.sync.read(await page.screenshot({ type: 'png' }));
  const code = jsqr.default(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' });
  if (code === null) throw new QrUnreadableError(`no QR code is readable on ${page.url()}`);
  return code.data;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { WhatsAppVersion } from '../config.ts';

export interface ClientVersionOptions {
  /** Configured: never replaced. */
  readonly pinned: WhatsAppVersion | undefined;
  /** Where WhatsApp Web says which version it is. */
  readonly url: URL;
  readonly logger: Logger;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

const TIMEOUT_MS = 5_000;
/** WhatsApp's own is about 100 KiB. */
const MAX_BYTES = 4 * 1024 * 1024;
/** All sessions are refused together: they share one look. */
const FRESH_MS = 60_000;
/** Without it WhatsApp answers an error page. */
const HEADERS = { 'sec-fetch-site': 'none', 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0' };

/** The version of WhatsApp Web that new sockets announce: Baileys' own until WhatsApp refuses it. */
export class ClientVersion {
  readonly #options: ClientVersionOptions;
  readonly #now: () => number;
  #current: WhatsAppVersion | undefined;
  #renewing: Promise<void> | undefined;
  #renewedAtMs = -Infinity;

  constructor(options: ClientVersionOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#current = options.pinned;
  }

  /** `undefined`: the one that Baileys ships. */
  get current(): WhatsAppVersion | undefined {
    return this.#current;
  }

  /** Takes the version that WhatsApp Web has now, at most once a minute. Never rejects: without an answer all stays. */
  async renew(): Promise<void> {
    if (this.#options.pinned || this.#now() - this.#renewedAtMs < FRESH_MS) return;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    const { url, logger } = this.#options;
    try {
      const version = parseVersion(await readText(url));
      this.#renewedAtMs = this.#now();
      if (version) this.#current = version;
      logger.info({ version: version?.join('.') }, 'asked WhatsApp Web for its version');
    } catch (err) {
      logger.warn({ err }, 'WhatsApp Web did not tell its version');
    }
  }
}

/** The page beside the WebSocket that carries the version: `wss://web.whatsapp.com/ws/chat` and `https://web.whatsapp.com/sw.js`. */
export function versionUrlOf(socketUrl: URL | undefined): URL {
  if (!socketUrl) return new URL('https://web.whatsapp.com/sw.js');
  const url = new URL('/sw.js', socketUrl);
  url.protocol = socketUrl.protocol === 'wss:' ? 'https:' : 'http:';
  return url;
}

async function readText(url: URL): Promise<string> {
  const response = await fetch(url, { headers: HEADERS, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}`);
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > MAX_BYTES) throw new Error(`${url.href} answered ${length} bytes`);
  return response.text();
}

/** Major and minor have been these for years; only the revision rises (Baileys 7.0.0-rc14, `fetchLatestWaWebVersion`). */
function parseVersion(text: string): WhatsAppVersion | undefined {
  const [, revision] = /\\?"client_revision\\?":\s*([0-9]{1,12})/.exec(text) ?? [];
  return revision === undefined ? undefined : [2, 3000, Number(revision)];
}

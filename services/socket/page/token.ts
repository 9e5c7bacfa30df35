const TOKEN_KEY = 'onboarding-token';
const WAITING_SINCE_KEY = 'onboarding-waiting-since';

/** The part of `sessionStorage` in use: it lives as long as the tab, and a reload keeps it. */
export type TabStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** The token of a link, from `#token=` or `?token=`, and the same address without it. */
export function splitToken(address: string): { readonly token: string | undefined; readonly cleanAddress: string } {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const token = fragment.get('token') ?? url.searchParams.get('token') ?? '';
  fragment.delete('token');
  url.searchParams.delete('token');
  url.hash = fragment.toString();
  return { token: token.trim() === '' ? undefined : token.trim(), cleanAddress: url.toString() };
}

/** Keeps what a reload must not lose. A new link wins over the tab's old one and starts a new wait. */
export class TabMemory {
  readonly #storage: TabStorage;

  constructor(storage: TabStorage) {
    this.#storage = storage;
  }

  get token(): string | undefined {
    return this.#storage.getItem(TOKEN_KEY) ?? undefined;
  }

  rememberToken(token: string): void {
    if (token === this.token) return;
    this.#storage.setItem(TOKEN_KEY, token);
    this.#storage.removeItem(WAITING_SINCE_KEY);
  }

  /** Since when somebody waits in this tab, in ms since the epoch; begins now when nobody did. */
  waitingSince(nowMs: number): number {
    const kept = Number(this.#storage.getItem(WAITING_SINCE_KEY));
    if (Number.isSafeInteger(kept) && kept > 0 && kept <= nowMs) return kept;
    this.#storage.setItem(WAITING_SINCE_KEY, String(nowMs));
    return nowMs;
  }

  /** The wait is over: a later one begins at its own time. */
  endWait(): void {
    this.#storage.removeItem(WAITING_SINCE_KEY);
  }
}

/** `sessionStorage`, or a stand-in for this page load where the browser forbids it (third-party frames). */
export function openTabStorage(open: () => Storage): TabStorage {
  try {
    return open();
  } catch {
    const values = new Map<string, string>();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => void values.set(key, value),
      removeItem: (key) => void values.delete(key),
    };
  }
}

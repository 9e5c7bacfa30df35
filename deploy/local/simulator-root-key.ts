/** The simulator does not tell its root key. Trying again helps once it is there. */
export class RootKeyError extends Error {
  readonly code = 'ROOT_KEY_UNAVAILABLE';

  constructor(url: string, cause: unknown) {
    super(`the simulator does not answer ${url}`, { cause });
    this.name = 'RootKeyError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

const TIMEOUT_MS = 10_000;

/** The base64 key that the simulator's certificates stand on. @throws RootKeyError */
export async function readRootKey(port: number, signal: AbortSignal): Promise<string> {
  const url = `http://127.0.0.1:${port}/root-key`;
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.text()).trim();
  } catch (error) {
    throw new RootKeyError(url, error);
  }
}

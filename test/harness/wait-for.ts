import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, for the message of the failure. */
  readonly what: string;
  readonly timeoutMs?: number;
}

/** The condition did not become true in time; `cause` is what it last threw, if it threw. */
export class WaitTimeoutError extends Error {
  readonly code = 'WAIT_TIMEOUT';

  constructor({ what, timeoutMs }: Required<WaitOptions>, last: unknown, cause: unknown) {
    const seen = cause === undefined ? `last answer ${JSON.stringify(last)}` : 'the condition threw';
    super(`waited ${timeoutMs} ms for ${what}; ${seen}`, { cause });
    this.name = 'WaitTimeoutError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/**
 * Asks until the condition answers something true and resolves to it; a condition that throws counts as not yet.
 * @throws WaitTimeoutError after `timeoutMs` (10 s unless told).
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 10_000 }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    let last: T | undefined;
    let thrown: unknown;
    try {
      last = await condition();
      if (last) return last as Exclude<T, undefined | null | false | 0 | ''>;
    } catch (error) {
      thrown = error;
    }
    if (performance.now() > end) throw new WaitTimeoutError({ what, timeoutMs }, last, thrown);
    await sleep(10);
  }
}

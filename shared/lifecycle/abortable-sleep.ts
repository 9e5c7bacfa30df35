import { setTimeout as sleep } from 'node:timers/promises';

/** Waits; false when the signal ended the wait. Never rejects, and leaves no timer behind. */
export async function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

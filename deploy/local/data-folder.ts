import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../../shared/config/make-folder.ts';
import { tryLock } from './lock.mjs';

/** Another `npm start` runs on the same folder: two of them would write the same streams and databases. */
export class DataFolderInUseError extends Error {
  readonly code = 'DATA_DIR_IN_USE';

  constructor(dataDir: string, holder: number) {
    super(
      `another npm start (process ${holder}) runs on ${dataDir}; stop it, or set DATA_DIR to another folder and ` +
        'SOCKET_HTTP_PORT, WHATSAPP_HTTP_PORT, SIMULATOR_PORT, CANARY_HTTP_PORT and NATS_PORT to other ports (0 picks a free one)',
    );
    this.name = 'DataFolderInUseError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** Held by the guard of a start that was killed, until the processes it left behind have ended. */
export const GUARD_LOCK = 'guard.lock';

/** The guard gives each of five processes ten seconds. */
const GUARD_PATIENCE_MS = 55_000;

export interface ClaimOptions {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Told when processes of an earlier start that was killed are still ending. */
  readonly say: (line: string) => void;
}

/**
 * Claims the folder for this process until disposed of.
 * @throws FolderUnusableError, DataFolderInUseError, or the signal's reason.
 */
export async function claimDataFolder(dataDir: string, { signal, say }: ClaimOptions): Promise<Disposable> {
  makeFolder(dataDir);
  const lock = tryLock(join(dataDir, 'start.lock'));
  if (!lock.taken) throw new DataFolderInUseError(dataDir, lock.holder);
  using claim = new DisposableStack();
  claim.defer(() => lock.release());
  const end = performance.now() + GUARD_PATIENCE_MS;
  for (let waited = false; performance.now() < end; waited = true) {
    const guard = tryLock(join(dataDir, GUARD_LOCK));
    if (guard.taken) {
      guard.release();
      break;
    }
    if (!waited) say('waiting for the processes of a start that was killed to end');
    await sleep(100, undefined, { signal });
  }
  return claim.move();
}

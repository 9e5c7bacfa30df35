import {
  BufferJSON,
  initAuthCreds,
  proto,
  type AuthenticationCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
} from '@whiskeysockets/baileys';
import { backoffMs } from '../../../shared/lifecycle/backoff.ts';
import { CredentialsUnreadableError, FencedError } from '../store/errors.ts';
import type { KeyEntry, SessionStore } from '../store/session-store.ts';
import type { DeviceOwner } from './companion-device.ts';

const RETRY = { baseMs: 250, maxMs: 10_000 };

/** The stored credentials, or `undefined` when there are none that belong to an account. */
export async function readLinkedCreds(
  store: SessionStore,
  { companyId }: DeviceOwner,
): Promise<AuthenticationCreds | undefined> {
  const json = await store.readCreds(companyId);
  if (json === undefined) return undefined;
  const creds = parse(json) as Partial<AuthenticationCreds> | null;
  if (!creds?.noiseKey || !creds.signedIdentityKey) throw new CredentialsUnreadableError(companyId, 'corrupted');
  // Without an account the phone never finished pairing: such credentials only lead to a 401.
  return creds.account ? { ...initAuthCreds(), ...creds } : undefined;
}

/**
 * Saves the credentials of one device, newest state wins, one write at a time. Credentials are kept only once they
 * belong to an account, so a pairing that did not finish leaves nothing behind. A failed write is reported and repeated
 * until it succeeds, the owner is fenced, or the saver is disposed.
 */
export class CredsSaver {
  readonly #store: SessionStore;
  readonly #owner: DeviceOwner;
  #unsaved: AuthenticationCreds | undefined;
  #running: Promise<void> | undefined;
  #wake = new AbortController();

  constructor(store: SessionStore, owner: DeviceOwner) {
    this.#store = store;
    this.#owner = owner;
  }

  save(creds: AuthenticationCreds): void {
    if (!creds.account || this.#wake.signal.aborted) return;
    this.#unsaved = creds;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** What was not written yet is not going to be. */
  forget(): void {
    this.#unsaved = undefined;
  }

  async flush(): Promise<void> {
    await this.#running;
  }

  dispose(): void {
    this.#wake.abort();
    this.forget();
  }

  async #run(): Promise<void> {
    for (let attempt = 0; this.#unsaved;) {
      const creds = this.#unsaved;
      const epoch = this.#owner.epoch();
      this.#unsaved = undefined;
      try {
        await this.#store.saveCreds(this.#owner.companyId, epoch, stringify(creds));
        attempt = 0;
      } catch (error) {
        if (!(error instanceof FencedError)) this.#owner.onSaveFailed(error);
        else if (await this.#owner.checkFenced(epoch)) return;
        if (this.#wake.signal.aborted) return;
        this.#unsaved ??= creds;
        await pause(backoffMs(attempt, RETRY), this.#wake.signal);
        attempt += 1;
      }
    }
  }
}

/**
 * The Signal keys of one device as rows of the store, whatever their type: the set that Baileys uses grows. A batch is
 * one statement. A failure is reported and passed on, because Baileys repeats its transactions itself.
 */
export function signalKeyStore(store: SessionStore, owner: DeviceOwner): SignalKeyStore {
  return {
    async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      const stored = await store.readKeys(owner.companyId, type, ids);
      const entries = [...stored].map(([id, json]) => [id, toKey(type, parse(json))] as const);
      return Object.fromEntries(entries) as { [id: string]: SignalDataTypeMap[T] };
    },
    async set(data) {
      const entries = toEntries(data);
      if (entries.length > 0) await saveKeys(store, owner, entries);
    },
  };
}

async function saveKeys(store: SessionStore, owner: DeviceOwner, entries: readonly KeyEntry[]): Promise<void> {
  const epoch = owner.epoch();
  try {
    await store.saveKeys(owner.companyId, epoch, entries);
  } catch (error) {
    if (error instanceof FencedError && !(await owner.checkFenced(epoch))) return saveKeys(store, owner, entries);
    if (!(error instanceof FencedError)) owner.onSaveFailed(error);
    throw error;
  }
}

function toEntries(set: SignalDataSet): KeyEntry[] {
  return Object.entries(set).flatMap(([type, keys]) =>
    Object.entries(keys ?? {}).map(([id, value]) => ({ type, id, value: value === null ? null : stringify(value) })),
  );
}

/** Baileys calls methods of this one type's protobuf class, so the plain object will not do. */
function toKey(type: string, value: unknown): unknown {
  if (type !== 'app-state-sync-key' || typeof value !== 'object' || value === null) return value;
  return proto.Message.AppStateSyncKeyData.fromObject(value);
}

function stringify(value: unknown): string {
  return JSON.stringify(value, BufferJSON.replacer);
}

function parse(json: string): unknown {
  return JSON.parse(json, BufferJSON.reviver);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

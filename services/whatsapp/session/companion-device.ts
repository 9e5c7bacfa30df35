import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { Account } from './account.ts';
import type { CloseReason } from './close-reason.ts';

/** What a WhatsApp socket tells, in the order in which it happened. Nothing comes after `onClose`, nor after `close()`. */
export interface SocketListener {
  /** `ttlMs`: how long it can be scanned from now on. */
  onQr(text: string, ttlMs: number): void;
  /** The phone accepted the device; a close for a restart follows. */
  onNewLogin(account: Account): void;
  onOpen(account: Account): void;
  /** Something about the own account became known. */
  onAccount(account: Account): void;
  onClose(reason: CloseReason): void;
}

/** One connection to WhatsApp. It never comes back by itself. */
export interface WhatsAppSocket {
  /** Asks WhatsApp to remove the device, then closes; `onClose` follows in any case. Never rejects. */
  logout(): Promise<void>;
  /** Closes in order, by force when the server does not answer. Idempotent, never rejects, silent. */
  close(): Promise<void>;
}

/** The companion device of one company: its credentials, and sockets opened with them, one after the other. */
export interface CompanionDevice {
  /** The credentials belong to an account. */
  readonly linked: boolean;
  readonly account: Account;
  /** Forgets the credentials in memory and makes new ones; those in the database stay. */
  renew(): void;
  open(listener: SocketListener): WhatsAppSocket;
  /** Resolves when everything worth saving is saved, or after `timeoutMs`: `false` then. */
  flush(timeoutMs: number): Promise<boolean>;
  /** Saves nothing any more. */
  dispose(): void;
}

/** Whoever owns the company's session. */
export interface DeviceOwner {
  readonly companyId: CompanyId;
  /** The current epoch; it may rise. */
  epoch(): number;
  /** Saving failed; it is tried again. */
  onSaveFailed(error: unknown): void;
  /**
   * A write at `epoch` was refused by the store. `true`: a newer owner writes now, the session ends; `false`: the epoch
   * was raised meanwhile, the write is worth repeating.
   */
  checkFenced(epoch: number): Promise<boolean>;
}

export interface WhatsAppClient {
  /**
   * Loads the company's device; one without stored credentials, or with half-made ones, is new and unlinked.
   * @throws CredentialsUnreadableError when the stored credentials cannot be decrypted or parsed.
   */
  loadDevice(owner: DeviceOwner): Promise<CompanionDevice>;
}

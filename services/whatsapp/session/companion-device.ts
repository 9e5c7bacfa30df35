import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { Account } from './account.ts';
import type { Address } from './address.ts';
import type { CloseReason } from './close-reason.ts';
import type { CodeFailure } from './machine.ts';
import type { ReceivedMessage } from './received-message.ts';

/** What a WhatsApp socket tells, in the order in which it happened. Nothing comes after a close, nor after `close()`. */
export interface SocketListener {
  /** `ttlMs`: how long it can be scanned from now on. */
  onQr(text: string, ttlMs: number): void;
  /** WhatsApp took the request for a pairing code. `ttlMs`: how long it may be shown. */
  onCode(text: string, ttlMs: number): void;
  onCodeFailed(failure: CodeFailure): void;
  /** The code cannot be typed any more, a moment after it was no longer shown. */
  onCodeOver(): void;
  /** WhatsApp links this account only to a client that has its passkey. */
  onPasskeyDemanded(): void;
  /** The phone accepted the device; a close for a restart follows. */
  onNewLogin(account: Account): void;
  onOpen(account: Account): void;
  /** Something about the own account became known. */
  onAccount(account: Account): void;
  /** Somebody wrote to the company; in the order of arrival. */
  onMessage(message: ReceivedMessage): void;
  onClose(reason: CloseReason): void;
  /** There never was a socket, because of a mistake in this process. */
  onOpenFailed(error: unknown): void;
}

/** One connection to WhatsApp. It never comes back by itself. */
export interface WhatsAppSocket {
  /** Asks for a code to be typed on the phone, once and only when a QR was shown; the listener is told what came of it. */
  requestPairingCode(phoneNumber: PhoneNumber): void;
  /**
   * Sends a text and answers WhatsApp's id for it once it is on its way; whether it arrives is not known by then.
   * Rejects when the socket is not open or the recipient cannot be encrypted for.
   * @throws NotOnWhatsAppError
   */
  sendText(to: Address, text: string): Promise<string>;
  /** Asks WhatsApp to remove the device, then closes; `onClose` follows in any case. Never rejects. */
  logout(): Promise<void>;
  /** Closes in order, by force when the server does not answer. Idempotent, never rejects, silent. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Somebody waits in front of a page: it goes before sessions that come back by themselves. */
  readonly isAwaited: boolean;
  /** WhatsApp refused the version of this client: ask for the newest first. */
  readonly renewVersion: boolean;
}

/** The companion device of one company: its credentials, and sockets opened with them, one after the other. */
export interface CompanionDevice {
  /** The credentials belong to an account. */
  readonly linked: boolean;
  readonly account: Account;
  /** Forgets the credentials in memory and makes new ones; those in the database stay. */
  renew(): void;
  /** Opens a socket when it is its turn: of many sessions that lost theirs together only some are opened at a time. */
  open(listener: SocketListener, options: OpenOptions): WhatsAppSocket;
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

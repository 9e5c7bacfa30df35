import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { Instruments } from '../instruments.ts';
import type { Address } from './address.ts';
import type { CompanionDevice, OpenOptions, SocketListener, WhatsAppSocket } from './companion-device.ts';
import type { Input } from './machine.ts';
import type { ReceivedMessage } from './received-message.ts';

export interface CurrentSocketOptions {
  readonly companyId: CompanyId;
  readonly instruments: Instruments;
  /** What the socket tells, as inputs of the session. */
  readonly tell: (input: Input) => void;
  readonly onMessage: (companyId: CompanyId, message: ReceivedMessage) => void;
  /** Whether nobody else was given the company meanwhile. */
  readonly isOwner: (companyId: CompanyId) => Promise<boolean>;
  /** The session's next owner has opened it: it is not replaced, it has moved. */
  readonly onMoved: () => void;
}

/** The one socket of a session that may speak; what an earlier one still says is nobody's concern. */
export class CurrentSocket {
  readonly #options: CurrentSocketOptions;
  #socket: WhatsAppSocket | undefined;
  /** Of the socket that may still speak. */
  #number = 0;

  constructor(options: CurrentSocketOptions) {
    this.#options = options;
  }

  /** Opens a socket of the device in place of the one before, which closes in its own time. */
  open(device: CompanionDevice, options: OpenOptions): void {
    void this.close();
    this.#socket = device.open(this.#listen(), options);
  }

  /** Nothing it says counts from now on; resolves when it is closed. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#number += 1;
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  requestPairingCode(phoneNumber: PhoneNumber): void {
    this.#socket?.requestPairingCode(phoneNumber);
  }

  logout(): void {
    void this.#socket?.logout();
  }

  /** As the socket's; `undefined` when there is none. */
  sendText(to: Address, text: string): Promise<string> | undefined {
    return this.#socket?.sendText(to, text);
  }

  #listen(): SocketListener {
    const { companyId, instruments, onMessage } = this.#options;
    this.#number += 1;
    const number = this.#number;
    const isCurrent = () => number === this.#number;
    const tell = (input: Input) => {
      if (isCurrent()) this.#options.tell(input);
    };
    return {
      onQr: (text, ttlMs) => tell({ kind: 'qr', text, ttlMs }),
      onCode: (text, ttlMs) => tell({ kind: 'code', text, ttlMs }),
      onCodeFailed: (failure) => tell({ kind: 'code-failed', failure }),
      onCodeOver: () => tell({ kind: 'code-over' }),
      onPasskeyDemanded: () => tell({ kind: 'passkey-demanded' }),
      onNewLogin: (account) => tell({ kind: 'new-login', account }),
      onOpen: (account) => tell({ kind: 'open', account }),
      onAccount: (account) => tell({ kind: 'account', account }),
      onMessage: (message) => {
        if (isCurrent()) onMessage(companyId, message);
      },
      onClose: (reason) => {
        if (reason === 'replaced') void this.#yieldOr(() => tell({ kind: 'close', reason }));
        else tell({ kind: 'close', reason });
      },
      onOpenFailed: (error) => {
        instruments.socketFailed(companyId, error);
        tell({ kind: 'close', reason: 'open-failed' });
      },
    };
  }

  async #yieldOr(tell: () => void): Promise<void> {
    const { companyId, isOwner, onMoved } = this.#options;
    if (await isOwner(companyId)) tell();
    else onMoved();
  }
}

import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { Address } from './address.ts';
import type { SocketListener, WhatsAppSocket } from './companion-device.ts';
import type { Leave, OpeningGate } from './opening-gate.ts';

export interface QueuedSocketOptions {
  readonly gate: OpeningGate;
  readonly isAwaited: boolean;
  readonly listener: SocketListener;
  /** Done when it is this one's turn, before the socket is opened. Never rejects. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** The connection is being made when this returns. */
  readonly open: (listener: SocketListener) => WhatsAppSocket;
}

/** A socket that is opened when it is its turn; until then there is nothing to close. */
export class QueuedSocket implements WhatsAppSocket {
  readonly #options: QueuedSocketOptions;
  #socket: WhatsAppSocket | undefined;
  #leave: Leave | undefined;
  #over = false;

  constructor(options: QueuedSocketOptions) {
    this.#options = options;
    void this.#open();
  }

  requestPairingCode(phoneNumber: PhoneNumber): void {
    this.#socket?.requestPairingCode(phoneNumber);
  }

  async sendText(to: Address, text: string): Promise<string> {
    if (!this.#socket) throw new Error('the socket is not open yet');
    return this.#socket.sendText(to, text);
  }

  async logout(): Promise<void> {
    await this.#socket?.logout();
  }

  async close(): Promise<void> {
    this.#over = true;
    this.#leave?.();
    await this.#socket?.close();
  }

  /** Never rejects: what goes wrong is told to the listener. */
  async #open(): Promise<void> {
    const { gate, isAwaited, prepare, open, listener } = this.#options;
    const leave = await gate.enter(isAwaited);
    this.#leave = leave;
    if (!this.#over) await prepare?.();
    if (this.#over) {
      leave();
      return;
    }
    try {
      this.#socket = open(leavingAtFirstSign(listener, leave));
    } catch (error) {
      leave();
      listener.onOpenFailed(error);
    }
  }
}

/** Whatever comes first, a QR, a welcome or the end: the costly part is over. */
function leavingAtFirstSign(listener: SocketListener, leave: Leave): SocketListener {
  return {
    ...listener,
    onQr: (text, ttlMs) => {
      leave();
      listener.onQr(text, ttlMs);
    },
    onOpen: (account) => {
      leave();
      listener.onOpen(account);
    },
    onClose: (reason) => {
      leave();
      listener.onClose(reason);
    },
  };
}

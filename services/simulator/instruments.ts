import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Device } from './people/stored-state.ts';
import type { ProtocolError, RejectionCode } from './protocol/protocol-error.ts';

/** One method per thing that happens: the log line and the count together. Phone numbers are logged without their middle. */
export class SimulatorInstruments {
  readonly #logger: Logger;
  readonly #rejections = new Map<RejectionCode, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** How many clients or requests were refused, by code. */
  rejections(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#rejections].toSorted(([a], [b]) => a.localeCompare(b)));
  }

  /** A client deviated from the protocol; counted and logged here and nowhere else. */
  rejected(connection: number, { code, message }: ProtocolError): void {
    this.#rejections.set(code, (this.#rejections.get(code) ?? 0) + 1);
    this.#logger.warn({ connection, code, reason: message }, 'client refused');
  }

  /** Counted like a refusal; the phone asks for the message once more. */
  messageUnreadable(sender: Device, { code, message }: ProtocolError): void {
    this.#rejections.set(code, (this.#rejections.get(code) ?? 0) + 1);
    this.#logger.warn({ ...nameOf(sender), code, reason: message }, 'message cannot be read');
  }

  connectionFailed(connection: number, err: unknown): void {
    this.#logger.error({ connection, err }, 'connection failed');
  }

  qrOffered(connection: number, platform: string): void {
    this.#logger.info({ connection, platform }, 'waiting for a scan');
  }

  codeRequested(connection: number, phoneNumber: string, isKnown: boolean): void {
    this.#logger.info({ connection, phone: shortNumber(phoneNumber), isKnown }, 'waiting for a code');
  }

  linked(device: Device): void {
    this.#logger.info(nameOf(device), 'device linked');
  }

  loggedIn(connection: number, device: Device): void {
    this.#logger.info({ connection, ...nameOf(device) }, 'device logged in');
  }

  sessionEnded(connection: number, device: Device): void {
    this.#logger.info({ connection, ...nameOf(device) }, 'device went offline');
  }

  unlinked(device: Device, by: 'phone' | 'device'): void {
    this.#logger.info({ ...nameOf(device), by }, 'device unlinked');
  }

  /** The simulator goes on without; QRs are then pasted. */
  screensUnavailable(err: unknown): void {
    this.#logger.error({ err }, 'cannot see the screens of the salons');
  }

  /** Salons whose event comes later are seen all the same. */
  screensUnread(err: unknown): void {
    this.#logger.warn({ err }, 'cannot read what the salons show already');
  }

  queryUnanswered(connection: number, query: string): void {
    this.#logger.debug({ connection, query }, 'query is not implemented');
  }
}

function nameOf({ phoneNumber, device }: Device): { phone: string; device: number } {
  return { phone: shortNumber(phoneNumber), device };
}

function shortNumber(phoneNumber: string): string {
  return `${phoneNumber.slice(0, 4)}…${phoneNumber.slice(-2)}`;
}

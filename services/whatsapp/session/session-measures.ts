import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { Instruments, OpenKind } from '../instruments.ts';
import type { Input, Machine } from './machine.ts';

/** Times the way of one session from its first socket to open; the restart after a pairing belongs to the same way. */
export class SessionMeasures {
  readonly #companyId: CompanyId;
  readonly #instruments: Instruments;
  #openingSince: number | undefined;
  #linkedBy: Exclude<OpenKind, 'resume'> | undefined;

  constructor(companyId: CompanyId, instruments: Instruments) {
    this.#companyId = companyId;
    this.#instruments = instruments;
  }

  socketOpening(): void {
    // Only what follows the phone's yes belongs to the way that began before it.
    if (this.#linkedBy === undefined || this.#openingSince === undefined) this.#openingSince = performance.now();
  }

  /** `before` and `after` are the machine around the input. */
  handled(input: Input, before: Machine, after: Machine): void {
    switch (input.kind) {
      case 'new-login':
        this.#linkedBy = before.code ? 'pairing_code' : 'qr';
        break;
      case 'open':
        this.#opened(after);
        break;
      case 'code-failed':
        this.#instruments.codeFailed(this.#companyId, input.failure);
        break;
      case 'close':
        this.#instruments.socketClosed(this.#companyId, input.reason, before.phase === 'open');
        if (input.reason !== 'restart-required') this.#openingSince = undefined;
        break;
      default:
    }
  }

  #opened({ account }: Machine): void {
    if (account.phoneNumber === undefined) this.#instruments.openedWithoutNumber(this.#companyId);
    if (this.#openingSince !== undefined) {
      const seconds = (performance.now() - this.#openingSince) / 1000;
      this.#instruments.sessionOpened(this.#companyId, this.#linkedBy ?? 'resume', seconds);
    }
    this.#openingSince = undefined;
    this.#linkedBy = undefined;
  }
}

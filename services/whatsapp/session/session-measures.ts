import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { Instruments } from '../instruments.ts';
import type { Input, Machine } from './state-machine.ts';

/** Times the way of one session from its first socket to open; the restart after a pairing belongs to the same way. */
export class SessionMeasures {
  readonly #companyId: CompanyId;
  readonly #instruments: Instruments;
  #openingSince: number | undefined;
  #scanned = false;

  constructor(companyId: CompanyId, instruments: Instruments) {
    this.#companyId = companyId;
    this.#instruments = instruments;
  }

  socketOpening(): void {
    this.#openingSince ??= performance.now();
  }

  /** `before` and `after` are the machine around the input. */
  handled(input: Input, before: Machine, after: Machine): void {
    switch (input.kind) {
      case 'new-login':
        this.#scanned = true;
        break;
      case 'open':
        this.#opened(after);
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
      this.#instruments.sessionOpened(this.#companyId, this.#scanned ? 'qr' : 'resume', seconds);
    }
    this.#openingSince = undefined;
    this.#scanned = false;
  }
}

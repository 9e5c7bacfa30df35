import { PhoneError } from '../people/phone-error.ts';
import type { CompanionHello } from './code-messages.ts';
import type { Registration } from './registration.ts';

/** A companion that shows a code and waits until it is typed on the phone with that number. */
export interface CodeRequest {
  readonly registration: Registration;
  readonly hello: CompanionHello;
  readonly ref: Buffer;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/**
 * The latest request for each phone. Another one for the same phone replaces it, and so does another one of the same
 * companion for a different phone. There are never more than there are phones.
 */
export class CodeRequests {
  readonly #requests = new Map<string, CodeRequest>();
  readonly #now: () => number;

  /** `now` answers ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(request: CodeRequest): void {
    for (const [phoneNumber, { registration }] of this.#requests) {
      if (registration === request.registration) this.#requests.delete(phoneNumber);
    }
    this.#requests.set(request.hello.phoneNumber, request);
  }

  /** What the phone's owner is asked for at this moment. */
  waitingFor(phoneNumber: string): CodeRequest | undefined {
    const request = this.#requests.get(phoneNumber);
    return request && this.#isWaiting(request) ? request : undefined;
  }

  /** @throws PhoneError CODE_NOT_REQUESTED, CODE_EXPIRED */
  find(phoneNumber: string): CodeRequest {
    const request = this.#requests.get(phoneNumber);
    if (!request || request.registration.state === 'taken') {
      throw new PhoneError('CODE_NOT_REQUESTED', 'no device asks to be linked to this phone by a code');
    }
    if (!this.#isWaiting(request)) throw new PhoneError('CODE_EXPIRED', 'the code is no longer valid');
    return request;
  }

  #isWaiting({ registration, expiresAt }: CodeRequest): boolean {
    return registration.state === 'waiting' && expiresAt > this.#now();
  }
}

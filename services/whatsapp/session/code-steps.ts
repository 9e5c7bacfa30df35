import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import {
  clear,
  openSocket,
  openSocketNow,
  stay,
  withoutCodeRequest,
  type CodeFailure,
  type CodeRequest,
  type Machine,
  type Step,
  type Surroundings,
} from './machine.ts';

/** A code for this phone is being made at this moment: asking again would only bring a second one. */
export function isCodeOnItsWay({ phase, codeRequest, code }: Machine, phoneNumber: PhoneNumber): boolean {
  return phase === 'opening' && code === undefined && codeRequest?.phoneNumber === phoneNumber;
}

/**
 * A code is made on a socket with credentials of its own: WhatsApp ties both to the phone that is asked, and the QRs
 * that such a socket goes on showing can no longer be scanned. So a second code, or one for another phone, begins anew,
 * and the code before it is dead.
 */
export function requestCode(machine: Machine, phoneNumber: PhoneNumber): Step {
  const wanted: Machine = { ...machine, codeRequest: { phoneNumber, asked: false } };
  switch (machine.phase) {
    case 'resting':
      return openSocket({ ...clear(wanted), state: 'starting', attempt: 0, versionRenewed: false }, 'starting');
    case 'waiting':
      return openSocketNow(wanted);
    case 'opening':
      if (isCodeOnItsWay(machine, phoneNumber)) return stay(machine);
      // The socket has shown nothing yet: its first QR is the moment to ask.
      if (!machine.qr && !machine.code && !machine.codeRequest?.asked) return stay(wanted);
      return openSocket({ ...clear(wanted), state: 'starting' }, 'starting');
    case 'open':
    case 'blocked':
    case 'ended':
      return stay(machine);
  }
}

/** Asking before the first QR would turn the registration into a login. Later QRs of the socket are of no use. */
export function askForCode(machine: Machine, codeRequest: CodeRequest): Step {
  if (codeRequest.asked) return stay(machine);
  const { phoneNumber } = codeRequest;
  const asking = { ...machine, codeRequest: { phoneNumber, asked: true } };
  return { machine: asking, effects: [{ kind: 'request-code', phoneNumber }] };
}

export function showCode(machine: Machine, text: string, { ttlMs, nowMs }: { ttlMs: number; nowMs: number }): Step {
  const { phase, codeRequest } = machine;
  if (phase !== 'opening' || machine.linked || !codeRequest?.asked) return stay(machine);
  const code = { text, phoneNumber: codeRequest.phoneNumber, ttlMs, expiresAt: nowMs + ttlMs };
  return { machine: { ...clear(machine), state: 'pairing-code', code }, event: 'pairing-code', effects: [] };
}

/** Somebody has to ask again; meanwhile there are QRs, of a new socket. */
export function failCode(machine: Machine, failure: CodeFailure): Step {
  if (machine.phase !== 'opening' || machine.linked || !machine.codeRequest?.asked) return stay(machine);
  const failed = { ...withoutCodeRequest(clear(machine)), state: 'starting', failure } as const;
  return openSocket(failed, 'pairing-code-error');
}

/**
 * Whether it was typed wrongly or not at all, WhatsApp says nothing. Both ways to link are open again with the next QR; until
 * then there is no news, because every page took the code away by itself.
 */
export function endCode(machine: Machine): Step {
  if (machine.phase !== 'opening' || !machine.code) return stay(machine);
  return openSocket({ ...withoutCodeRequest(clear(machine)), state: 'starting' });
}

/** After a close: a code that was not typed in time is not made again by itself. */
export function dropOldCode(machine: Machine, { nowMs }: Surroundings): Machine {
  return machine.code && machine.code.expiresAt <= nowMs ? withoutCodeRequest(machine) : machine;
}

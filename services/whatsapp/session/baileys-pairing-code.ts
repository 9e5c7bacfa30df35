import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import type { CodeFailure } from './machine.ts';

/** WhatsApp gave no pairing code: it refused, or did not answer. */
export class PairingCodeError extends Error {
  readonly code = 'PAIRING_CODE_FAILED';

  constructor(message: string) {
    super(message);
    this.name = 'PairingCodeError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

type Client = WASocket['ws'];

const ACCEPTED = 'CB:iq,type:result,link_code_companion_reg';
const REFUSED = 'CB:iq,type:error';
/** The phone has sent what was typed on it. */
const TYPED = 'CB:notification,type:link_code_companion_reg';
/** Both begin the same ceremony, which Baileys 7.0.0-rc14 acknowledges and ignores (WhiskeySockets/Baileys#2672). */
const PASSKEY = ['CB:notification,type:passkey_prologue_request', 'CB:notification,type:crsc_continuation'];
/** Of a Boom: the connection ended meanwhile, which the socket tells by itself. */
const CONNECTION_CLOSED = 428;

/**
 * Asks for a code to be typed on the phone. Baileys makes it up itself and answers before WhatsApp does, so that a
 * refusal would show as a code which no phone takes: this waits for WhatsApp's word.
 * @throws PairingCodeError, and what Baileys rejects with.
 */
export async function requestPairingCode(sock: WASocket, phoneNumber: PhoneNumber, timeoutMs: number): Promise<string> {
  const answer = answerToRequest(sock.ws, timeoutMs);
  try {
    const text = await sock.requestPairingCode(phoneNumber);
    await answer.promise;
    return text;
  } finally {
    answer.forget();
  }
}

/** What to tell of a failed request; `undefined` when the socket is gone, which is told otherwise. */
export function toCodeFailure(error: unknown): CodeFailure | undefined {
  if (error instanceof PairingCodeError) return { code: error.code, message: error.message };
  const { output } = error as { output?: { statusCode?: number } };
  if (output?.statusCode === CONNECTION_CLOSED) return undefined;
  // Its message may name the phone.
  return { code: 'BAILEYS_ERROR', message: 'the WhatsApp client failed to make a pairing code' };
}

export function onTyped(client: Client, listener: () => void): void {
  client.on(TYPED, listener);
}

export function onPasskeyDemanded(client: Client, listener: () => void): void {
  for (const event of PASSKEY) client.once(event, listener);
}

function answerToRequest(client: Client, timeoutMs: number) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Nobody waits for it when Baileys fails first.
  promise.catch(() => undefined);
  const accept = () => resolve();
  const refuse = (stanza: BinaryNode) =>
    reject(new PairingCodeError(`WhatsApp refused the request: ${errorOf(stanza)}`));
  const timer = setTimeout(() => reject(new PairingCodeError('WhatsApp did not answer the request')), timeoutMs);
  client.on(ACCEPTED, accept);
  client.on(REFUSED, refuse);
  const forget = () => {
    clearTimeout(timer);
    client.off(ACCEPTED, accept);
    client.off(REFUSED, refuse);
  };
  return { promise, forget };
}

function errorOf({ content }: BinaryNode): string {
  const error = Array.isArray(content) ? content.find(({ tag }) => tag === 'error') : undefined;
  return `${error?.attrs['code'] ?? 'no code'} ${error?.attrs['text'] ?? ''}`.trim().slice(0, 80);
}

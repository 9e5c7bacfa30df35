import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { request } from './request.ts';

/** JetStream's error codes that decide something here. https://github.com/nats-io/nats-server/blob/v2.9.10/server/errors.json */
export const ServerError = {
  streamNotFound: 10059,
  streamNameInUse: 10058,
  messageNotFound: 10037,
  wrongLastSequence: 10071,
  messageTooLarge: 10054,
} as const;

const API_TIMEOUT_MS = 3_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Asks the JetStream API, which answers from the leader.
 * @throws BusError `BUS_REFUSED` with the server's own code when it answers with an error.
 */
export async function askJetStream(bus: BusConnection, operation: string, question?: object): Promise<object> {
  const body = encoder.encode(question ? JSON.stringify(question) : '');
  const reply = await request(bus, `$JS.API.${operation}`, body, { timeoutMs: API_TIMEOUT_MS });
  return parseAnswer(reply.body, operation);
}

/** Parses an answer of JetStream: of its API, or the acknowledgement of a publish. */
export function parseAnswer(body: Uint8Array, doing: string): object {
  let answer: unknown;
  try {
    answer = JSON.parse(decoder.decode(body));
  } catch (error) {
    throw new BusError('BUS_BAD_ANSWER', `${doing}: the answer is not JSON`, { cause: error });
  }
  if (typeof answer !== 'object' || answer === null) {
    throw new BusError('BUS_BAD_ANSWER', `${doing}: the answer is not an object`);
  }
  const { error } = answer as { error?: { code?: number; err_code?: number; description?: string } };
  if (!error) return answer;
  throw new BusError('BUS_REFUSED', `${doing}: ${error.description ?? 'refused'}`, {
    serverCode: error.err_code,
    status: error.code,
  });
}

export function isServerError(error: unknown, serverCode: number): error is BusError {
  return error instanceof BusError && error.serverCode === serverCode;
}

import { ErrorCode, NatsError } from 'nats';

export type BusErrorCode =
  /** The connection is closed or closing; it does not come back. */
  | 'BUS_CLOSED'
  /** There is no connection at the moment: nothing was sent. */
  | 'BUS_NOT_CONNECTED'
  /** The connection was lost before the answer came; whether the request was carried out is unknown. */
  | 'BUS_DISCONNECTED'
  /** No answer in time; whether the request was carried out is unknown. */
  | 'BUS_TIMEOUT'
  /** Nobody is there to answer. */
  | 'BUS_NO_RESPONDERS'
  /** Larger than the server takes; it never will be sent. */
  | 'BUS_TOO_LARGE'
  /** The server's permissions forbid it. */
  | 'BUS_FORBIDDEN'
  /** The server answered with an error of its own; the message repeats it. */
  | 'BUS_REFUSED'
  /** The answer is not what the protocol promises. */
  | 'BUS_BAD_ANSWER';

/** A request to NATS that did not succeed. What `shouldRetry` says may succeed later. */
export class BusError extends Error {
  readonly code: BusErrorCode;
  /** JetStream's own error code, when the server gave one. */
  readonly serverCode: number | undefined;
  /** The HTTP-like status that came with `serverCode`. */
  readonly status: number | undefined;

  constructor(
    code: BusErrorCode,
    message: string,
    options?: { cause?: unknown; serverCode?: number | undefined; status?: number | undefined },
  ) {
    super(message, { cause: options?.cause });
    this.name = 'BusError';
    this.code = code;
    this.serverCode = options?.serverCode;
    this.status = options?.status;
  }

  shouldRetry(): boolean {
    return this.code !== 'BUS_CLOSED' && this.code !== 'BUS_TOO_LARGE';
  }
}

/** Turns whatever the client library throws into a `BusError`, so that its types end in this folder. */
export function toBusError(error: unknown, doing: string): BusError {
  if (error instanceof BusError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof NatsError ? codeOf(error) : 'BUS_BAD_ANSWER';
  return new BusError(code, `${doing}: ${message}`, { cause: error });
}

function codeOf(error: NatsError): BusErrorCode {
  switch (error.code as ErrorCode) {
    case ErrorCode.Timeout:
      return 'BUS_TIMEOUT';
    case ErrorCode.NoResponders:
      return 'BUS_NO_RESPONDERS';
    case ErrorCode.ConnectionClosed:
    case ErrorCode.ConnectionDraining:
      return 'BUS_CLOSED';
    case ErrorCode.Disconnect:
      return 'BUS_DISCONNECTED';
    case ErrorCode.PermissionsViolation:
      return 'BUS_FORBIDDEN';
    case ErrorCode.MaxPayloadExceeded:
      return 'BUS_TOO_LARGE';
    default:
      return 'BUS_REFUSED';
  }
}

/** Everything that browsers and strangers could use up. Times in ms, sizes in bytes. */
export interface Limits {
  /** Browsers at this gateway. Beyond it handshakes are refused with 503. */
  readonly maxSockets: number;
  /** Browsers of one company at this gateway. */
  readonly maxSocketsPerCompany: number;
  /** Requests that one browser may make in a minute, and as many at once. */
  readonly requestsPerMinute: number;
  /** The same for all browsers of one company together. */
  readonly companyRequestsPerMinute: number;
  /** Questions for the status that the browsers of one company may ask at once, and in a minute. */
  readonly statusBurst: number;
  readonly statusPerMinute: number;
  /** Bytes that wait for a browser to read them; beyond it the connection is cut. */
  readonly maxBufferedBytes: number;
  /** In how long a stop has told every browser to go elsewhere. */
  readonly drainMs: number;

  /** Clients send a token and short commands: no message needs more. */
  readonly maxMessageBytes: number;
  /** How long the head of an HTTP request or of a WebSocket handshake may take to arrive. */
  readonly headersTimeoutMs: number;
  /** The same for a whole request. */
  readonly requestTimeoutMs: number;
  /** How long a transport may stay without joining the namespace. */
  readonly joinTimeoutMs: number;
  /** How long clients may take over the closing handshake. */
  readonly closeTimeoutMs: number;
  /** How long a browser may take to acknowledge a state before it is sent again. */
  readonly acknowledgeTimeoutMs: number;
  /** How often an unacknowledged state is sent again. */
  readonly acknowledgeRetries: number;
  /** Addresses and tokens that the limit of connections remembers. */
  readonly maxRememberedVisitors: number;
  /**
   * How long after the start a valid token counts as one that was here before: a gateway that was restarted has forgotten
   * its browsers, they have not forgotten it.
   */
  readonly admissionGraceMs: number;
  /** Rooms without a browser whose marks are kept, and for how long. */
  readonly maxEmptyRooms: number;
  readonly emptyRoomMs: number;
  /** Reads of the stream in flight at once for browsers that join, and for those that ask for the status. */
  readonly maxParallelReads: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxSockets: 20_000,
  maxSocketsPerCompany: 100,
  requestsPerMinute: 20,
  companyRequestsPerMinute: 60,
  // As many browsers as a company may have, each asking every 5 s.
  statusBurst: 100,
  statusPerMinute: 1200,
  maxBufferedBytes: 256 * 1024,
  drainMs: 10_000,
  maxMessageBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  joinTimeoutMs: 10_000,
  closeTimeoutMs: 2000,
  acknowledgeTimeoutMs: 5000,
  acknowledgeRetries: 2,
  maxRememberedVisitors: 50_000,
  admissionGraceMs: 600_000,
  maxEmptyRooms: 10_000,
  emptyRoomMs: 600_000,
  maxParallelReads: 256,
};

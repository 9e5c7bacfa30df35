import type { SessionState } from '../contract/session-state.ts';
import type { SessionStatePayload } from '../contract/socket-events.ts';
import type { TokenRefusal } from './client-event.ts';
import { property, refusalOfCode } from './refusal.ts';

export interface StatusPollOptions {
  /** Of the gateway, without a path; empty for the page's own origin. */
  readonly address: string;
  readonly token: () => string;
  /** How long the socket may be away before the first question, in ms. */
  readonly afterMs: number;
  /** Between an answer and the next question, in ms. */
  readonly everyMs: number;
  readonly onState: (payload: SessionStatePayload) => void;
  readonly onRefused: (refusal: TokenRefusal) => void;
}

/** An answer that takes longer is no help, in ms. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Asks `GET /status` in rounds between `start` and `stop`. A round that fails is followed by the next. */
export class StatusPoll {
  readonly #options: StatusPollOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;

  constructor(options: StatusPollOptions) {
    this.#options = options;
  }

  /** Does nothing when it runs already. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    this.#askIn(this.#options.afterMs, this.#running.signal);
  }

  /** Nothing is reported after this. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = undefined;
  }

  #askIn(delayMs: number, stopped: AbortSignal): void {
    this.#timer = setTimeout(() => void this.#ask(stopped), delayMs);
  }

  /** Never rejects. */
  async #ask(stopped: AbortSignal): Promise<void> {
    const answer = await this.#read(stopped);
    if (stopped.aborted) return;
    this.#askIn(this.#options.everyMs, stopped);
    if (answer === undefined) return;
    if (typeof answer === 'string') this.#options.onRefused(answer);
    else this.#options.onState(answer);
  }

  /** `undefined` when there is no usable answer: the next round asks again. */
  async #read(stopped: AbortSignal): Promise<SessionStatePayload | TokenRefusal | undefined> {
    const { address, token } = this.#options;
    try {
      const response = await fetch(`${address}/status`, {
        headers: { Authorization: `Bearer ${token()}` },
        signal: AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      const body: unknown = await response.json();
      if (response.ok) return toPayload(body);
      return response.status === 401 ? refusalOfCode(property(property(body, 'error'), 'code')) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The state of an answer; `undefined` when nothing was ever heard of the company. */
function toPayload(body: unknown): SessionStatePayload | undefined {
  const state = property(body, 'state');
  if (typeof state !== 'string') return undefined;
  const [phone, sessionId] = [property(body, 'phone'), property(body, 'sessionId')];
  const [epoch, seq, stream] = [property(body, 'epoch'), property(body, 'seq'), property(body, 'stream')];
  return {
    // A state that this client does not know is turned away where those of the socket are.
    state: state as SessionState,
    sessionId: typeof sessionId === 'string' ? sessionId : '',
    ...(typeof phone === 'string' && { phone }),
    ...(typeof epoch === 'number' && typeof seq === 'number' && { epoch, seq }),
    ...(typeof stream === 'number' && { stream }),
  };
}

/**
 * Generator process for saturation: sends as fast as the gateway takes it, with a bounded number of deliveries outstanding,
 * over a bare connection with frames made beforehand, and looks into what arrived afterwards, so that the gateway is what
 * is busy.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserSeat } from '../generator/browsers.ts';
import { sharedMs } from '../generator/clock.ts';
import { serve } from '../generator/remote.ts';
import { loadCompany } from '../plan.ts';
import { addVerdicts, EMPTY_VERDICT, SocketLedger, type Verdict } from '../verdict.ts';
import { prepareFrames, type FloodContent, type FloodFrames, type Wire } from './flood-frames.ts';
import { Listener, type ListenerOptions } from './listener.ts';

export interface FloodJob {
  readonly client: ListenerOptions['kind'];
  readonly seats: readonly BrowserSeat[];
  /** Where the bare connection goes. */
  readonly port: number;
  readonly wire: Wire;
}

export interface FloodRun {
  readonly seconds: number;
  readonly delivered: number;
}

/** Deliveries on their way: enough to keep the gateway busy, few enough not to be cut off as a slow consumer. */
const MAX_OUTSTANDING = 1000;
/** Nothing new for so long means that nothing will come, in ms. */
const PATIENCE_MS = 10_000;

interface Seated {
  readonly company: number;
  readonly listener: Listener;
}

class Flood {
  readonly #job: FloodJob;
  readonly #server: Socket;
  readonly #seated: Seated[] = [];
  #joined = 0;
  #content: (FloodContent & FloodFrames) | undefined;
  #delivered = 0;
  #lastArrivalMs = 0;
  /** Deliveries at which the sender goes on, while it waits. */
  #wakeAt = Infinity;
  #wake: (() => void) | undefined;

  private constructor(job: FloodJob, server: Socket) {
    this.#job = job;
    this.#server = server;
  }

  static async open(job: FloodJob): Promise<Flood> {
    const server = connect(job.port, '127.0.0.1');
    await once(server, 'connect');
    if (job.wire !== 'redis') {
      server.write('CONNECT {"verbose":false,"headers":true,"echo":false}\r\n');
      server.on('data', (data) => data.includes('PING\r\n') && server.write('PONG\r\n'));
    } else server.resume();
    const flood = new Flood(job, server);
    for (const seat of job.seats) flood.#sit(seat);
    while (flood.#joined < job.seats.length) await sleep(10);
    return flood;
  }

  /** Makes what `run` sends. */
  prepare(content: FloodContent): void {
    this.#content = { ...content, ...prepareFrames(this.#job.wire, content) };
    this.#delivered = 0;
    for (const { listener } of this.#seated) listener.begin();
  }

  /** Sends it. Resolves when everything has arrived, or nothing more does. */
  async run(): Promise<FloodRun> {
    const { frames, deliveries } = this.#prepared();
    const startMs = sharedMs();
    this.#lastArrivalMs = startMs;
    let sent = 0;
    for (const [index, frame] of frames.entries()) {
      await this.#untilDelivered(sent - MAX_OUTSTANDING);
      this.#server.write(frame);
      sent += deliveries[index] ?? 0;
    }
    await this.#untilDelivered(sent);
    return { seconds: (this.#lastArrivalMs - startMs) / 1000, delivered: this.#delivered };
  }

  /** Looks into what arrived. */
  judge(): Verdict {
    const { epoch, sent } = this.#prepared();
    const verdicts = this.#seated.map(({ company, listener }) => {
      const ledger = new SocketLedger(loadCompany(company));
      listener.recount({
        onConnectedEmit: () => ledger.takeConnectedEmit(),
        onState: (arrival, state) => ledger.take(arrival, state === 'connected'),
      });
      return ledger.judge(Array.from({ length: sent.get(company) ?? 0 }, (_, seq) => ({ epoch, seq: seq + 1 })));
    });
    return verdicts.reduce(addVerdicts, EMPTY_VERDICT);
  }

  #prepared(): FloodContent & FloodFrames {
    if (!this.#content) throw new Error('not prepared');
    return this.#content;
  }

  /** Gives up when nothing has arrived for long. Sleeps meanwhile: the machine is the gateway's. */
  async #untilDelivered(count: number): Promise<void> {
    while (this.#delivered < count && sharedMs() - this.#lastArrivalMs < PATIENCE_MS) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, PATIENCE_MS);
      this.#wakeAt = count;
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#wakeAt = Infinity;
  }

  #sit({ url, token, company }: BrowserSeat): void {
    const listener = new Listener({
      kind: this.#job.client,
      url,
      token,
      companyId: loadCompany(company),
      onJoined: () => {
        this.#joined += 1;
      },
      onDelivery: () => {
        this.#delivered += 1;
        this.#lastArrivalMs = sharedMs();
        if (this.#delivered >= this.#wakeAt) this.#wake?.();
      },
      onLost: (reason) => {
        throw new Error(`a browser lost its connection: ${reason}`);
      },
    });
    this.#seated.push({ company, listener });
  }
}

let flood: Flood | undefined;

function opened(): Flood {
  if (!flood) throw new Error('not open');
  return flood;
}

export const floodMethods = {
  open: async (job: FloodJob): Promise<void> => {
    flood = await Flood.open(job);
  },
  prepare: (content: FloodContent): void => opened().prepare(content),
  run: (): Promise<FloodRun> => opened().run(),
  judge: (): Verdict => opened().judge(),
};
export type FloodMethods = typeof floodMethods;

if (import.meta.main) serve(floodMethods);

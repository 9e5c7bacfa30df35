/**
 * Generator process for saturation: sends as fast as the gateway takes it, with a bounded number of deliveries outstanding,
 * over a bare connection with frames made beforehand, so that the gateway is what is busy.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsSubject } from '../../../shared/contract/subjects.ts';
import type { BrowserSeat } from '../generator/browsers.ts';
import { openClient, type ClientKind } from '../generator/client.ts';
import { sharedMs } from '../generator/clock.ts';
import { toOutgoing, type OutgoingEvent } from '../generator/outgoing.ts';
import { serve } from '../generator/remote.ts';
import { RAW_SUBJECT_PREFIX, REDIS_CHANNEL } from '../generator/transport.ts';
import { loadCompany, LoadPlan, type PlanOptions } from '../plan.ts';

export interface FloodJob {
  readonly client: ClientKind;
  readonly seats: readonly BrowserSeat[];
  /** Where the bare connection goes. */
  readonly port: number;
  readonly wire: Wire;
}

export type Wire = 'nats' | 'nats-raw' | 'redis';

export interface FloodRun {
  readonly plan: PlanOptions;
  readonly events: number;
  readonly epoch: number;
}

export interface FloodReport {
  readonly events: number;
  readonly expected: number;
  readonly delivered: number;
  /** Arrivals that were not the next event of their company. */
  readonly misplaced: number;
  readonly seconds: number;
}

/** Deliveries on their way: enough to keep the gateway busy, few enough not to be cut off as a slow consumer. */
const MAX_OUTSTANDING = 1000;
const CHUNK = 100;
const PATIENCE_MS = 10_000;

class Flood {
  readonly #job: FloodJob;
  readonly #server: Socket;
  readonly #next = new Map<string, number>();
  #connected = 0;
  #delivered = 0;
  #misplaced = 0;
  #lastArrivalMs = 0;
  #epoch = 0;

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
    for (const { url, token, company } of job.seats) flood.#sit(url, token, loadCompany(company));
    while (flood.#connected < job.seats.length) await sleep(10);
    return flood;
  }

  async run({ plan: options, events, epoch }: FloodRun): Promise<FloodReport> {
    const plan = new LoadPlan(options);
    const audience = this.#audience();
    const { frames, deliveries } = this.#prepare(plan, { events, epoch, audience });
    this.#epoch = epoch;
    this.#next.clear();
    this.#delivered = 0;
    this.#misplaced = 0;
    const startMs = sharedMs();
    let sentDeliveries = 0;
    for (let chunk = 0; chunk < frames.length; chunk += 1) {
      while (sentDeliveries - this.#delivered > MAX_OUTSTANDING) {
        if (sharedMs() - Math.max(this.#lastArrivalMs, startMs) > PATIENCE_MS) break;
        await new Promise(setImmediate);
      }
      this.#server.write(frames[chunk] ?? '');
      sentDeliveries += deliveries[chunk] ?? 0;
    }
    while (this.#delivered < sentDeliveries && sharedMs() - Math.max(this.#lastArrivalMs, startMs) < PATIENCE_MS) {
      await sleep(1);
    }
    const seconds = (this.#lastArrivalMs - startMs) / 1000;
    return { events, expected: sentDeliveries, delivered: this.#delivered, misplaced: this.#misplaced, seconds };
  }

  #sit(url: string, token: string, companyId: string): void {
    openClient(
      this.#job.client,
      { url, token, companyId },
      {
        onConnected: () => {
          this.#connected += 1;
        },
        onDisconnected: () => {
          this.#connected -= 1;
        },
        onRefused: (reason) => {
          throw new Error(`a browser was refused: ${reason}`);
        },
        onConnectedEmit: () => undefined,
        onState: ({ companyId: of, epoch, seq }) => {
          if (epoch !== this.#epoch) return;
          const expected = this.#next.get(companyId) ?? 1;
          if (of !== companyId || seq !== expected) this.#misplaced += 1;
          this.#next.set(companyId, seq + 1);
          this.#delivered += 1;
          this.#lastArrivalMs = sharedMs();
        },
      },
    );
  }

  #audience(): ReadonlySet<number> {
    return new Set(this.#job.seats.map(({ company }) => company));
  }

  #prepare(
    plan: LoadPlan,
    { events, epoch, audience }: { events: number; epoch: number; audience: ReadonlySet<number> },
  ) {
    const seqs = new Map<number, number>();
    const frames: Buffer[] = [];
    const deliveries: number[] = [];
    for (let event = 0; event < events; event += CHUNK) {
      const parts: Buffer[] = [];
      let listeners = 0;
      for (let next = event; next < Math.min(events, event + CHUNK); next += 1) {
        const company = plan.companyOf(next);
        const seq = (seqs.get(company) ?? 0) + 1;
        seqs.set(company, seq);
        if (audience.has(company)) listeners += 1;
        const sampled = plan.isSampled(next);
        parts.push(
          frameOf(
            this.#job.wire,
            toOutgoing(loadCompany(company), { epoch, seq }, { occurredAtUs: Date.now() * 1000, sampled }),
          ),
        );
      }
      frames.push(Buffer.concat(parts));
      deliveries.push(listeners);
    }
    return { frames, deliveries };
  }
}

/** The bytes that publish one event. */
function frameOf(wire: Wire, { companyId, body, headers }: OutgoingEvent): Buffer {
  if (wire === 'redis') {
    const bulk = (part: Uint8Array) => [`$${part.length}\r\n`, part, '\r\n'];
    return join(['*3\r\n', ...bulk(Buffer.from('PUBLISH')), ...bulk(Buffer.from(REDIS_CHANNEL)), ...bulk(body)]);
  }
  const subject = wire === 'nats' ? eventsSubject(companyId) : RAW_SUBJECT_PREFIX + companyId;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const block = `NATS/1.0\r\n${lines.join('')}\r\n`;
  return join([`HPUB ${subject} ${block.length} ${block.length + body.length}\r\n`, block, body, '\r\n']);
}

function join(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

let flood: Flood | undefined;

export const floodMethods = {
  open: async (job: FloodJob): Promise<void> => {
    flood = await Flood.open(job);
  },
  run: async (run: FloodRun): Promise<FloodReport> => {
    if (!flood) throw new Error('not open');
    return await flood.run(run);
  },
};
export type FloodMethods = typeof floodMethods;

if (import.meta.main) serve(floodMethods);

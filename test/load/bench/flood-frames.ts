import { eventsSubject } from '../../../shared/contract/subjects.ts';
import { toOutgoing, type OutgoingEvent } from '../generator/outgoing.ts';
import { RAW_SUBJECT_PREFIX, REDIS_CHANNEL } from '../generator/transport.ts';
import { loadCompany, mix } from '../plan.ts';

/** What the bare connection speaks, and to which subject or channel. */
export type Wire = 'nats' | 'nats-raw' | 'redis';

/** Who the events of a flood are for. */
export interface FloodShape {
  /** Companies that get events. The first `rooms` of them have a browser each. */
  readonly companies: number;
  readonly rooms: number;
  /** Share of the events that are for companies with a browser; 0 to 1. */
  readonly audience: number;
}

/** Companies from this index on have no browser. */
export const FIRST_WITHOUT_BROWSER = 1000;

/** The company, by index, of each event: the same for each variant. */
export function companyOfFlood({ companies, rooms, audience }: FloodShape, event: number): number {
  const heard = companies === rooms || mix(1, event) < audience * 2 ** 32;
  return heard ? mix(2, event) % rooms : FIRST_WITHOUT_BROWSER + (mix(2, event) % (companies - rooms));
}

export interface FloodFrames {
  /** Each publishes `EVENTS_PER_FRAME` events. */
  readonly frames: readonly Buffer[];
  /** Deliveries that each makes. */
  readonly deliveries: readonly number[];
  /** Events of each company, by index. */
  readonly sent: ReadonlyMap<number, number>;
}

const EVENTS_PER_FRAME = 100;

export interface FloodContent {
  readonly shape: FloodShape;
  readonly events: number;
  readonly epoch: number;
}

/** Makes everything that a flood sends, one trace in a hundred sampled. */
export function prepareFrames(wire: Wire, { shape, events, epoch }: FloodContent): FloodFrames {
  const sent = new Map<number, number>();
  const frames: Buffer[] = [];
  const deliveries: number[] = [];
  for (let first = 0; first < events; first += EVENTS_PER_FRAME) {
    const parts: Buffer[] = [];
    let heard = 0;
    for (let event = first; event < Math.min(events, first + EVENTS_PER_FRAME); event += 1) {
      const company = companyOfFlood(shape, event);
      const seq = (sent.get(company) ?? 0) + 1;
      sent.set(company, seq);
      if (company < shape.rooms) heard += 1;
      const at = { occurredAtUs: Date.now() * 1000, sampled: event % 100 === 0 };
      parts.push(bytesOf(wire, toOutgoing(loadCompany(company), { epoch, seq }, at)));
    }
    frames.push(Buffer.concat(parts));
    deliveries.push(heard);
  }
  return { frames, deliveries, sent };
}

/** The bytes that publish one event. */
function bytesOf(wire: Wire, { companyId, body, headers }: OutgoingEvent): Buffer {
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

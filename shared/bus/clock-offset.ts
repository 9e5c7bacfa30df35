import { CLOCK_SUBJECT } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { request } from './request.ts';
import { subscribe, type Subscription } from './subscription.ts';

/** The four timestamps of one exchange, in ms since the epoch, each by the clock of the side that took it. */
export interface ClockSample {
  readonly sentMs: number;
  readonly receivedByPeerMs: number;
  readonly answeredByPeerMs: number;
  readonly receivedMs: number;
}

export interface ClockOffset {
  /** The peer's clock minus the own one, in ms. Off by at most half the round trip. */
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

export interface MeasureOptions {
  /** Exchanges; the one with the shortest round trip counts. Default 5. */
  readonly samples?: number;
  /** For each exchange, in ms. Default 1,000. */
  readonly timeoutMs?: number;
  readonly nowMs?: () => number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const QUEUE_GROUP = 'whatsapp';
const NOTHING = new Uint8Array();

/** Tells this process's clock to whoever asks, as one member of the queue group, until drained. */
export function serveClock(bus: BusConnection, nowMs: () => number = wallClockMs): Subscription {
  return subscribe(bus, {
    subject: CLOCK_SUBJECT,
    queue: QUEUE_GROUP,
    onMessage: (message) => {
      const receivedMs = nowMs();
      message.respond(encoder.encode(JSON.stringify({ receivedMs, answeredMs: nowMs() })));
    },
  });
}

/**
 * Measures how far the clock of a WhatsApp service is ahead. `undefined` when none answers: not knowing is a normal
 * state while none runs. With several services on badly kept clocks the answer is that of one of them.
 */
export async function measureClockOffset(
  bus: BusConnection,
  { samples = 5, timeoutMs = 1_000, nowMs = wallClockMs }: MeasureOptions = {},
): Promise<ClockOffset | undefined> {
  let best: ClockOffset | undefined;
  for (let exchange = 0; exchange < samples; exchange += 1) {
    const sample = await takeSample(bus, timeoutMs, nowMs);
    if (!sample) break;
    const offset = toOffset(sample);
    if (!best || offset.roundTripMs < best.roundTripMs) best = offset;
  }
  return best;
}

/** As NTP does it: the network's share is taken to be the same in both directions. RFC 5905, section 8. */
export function toOffset({ sentMs, receivedByPeerMs, answeredByPeerMs, receivedMs }: ClockSample): ClockOffset {
  return {
    offsetMs: (receivedByPeerMs - sentMs + (answeredByPeerMs - receivedMs)) / 2,
    roundTripMs: receivedMs - sentMs - (answeredByPeerMs - receivedByPeerMs),
  };
}

async function takeSample(
  bus: BusConnection,
  timeoutMs: number,
  nowMs: () => number,
): Promise<ClockSample | undefined> {
  const sentMs = nowMs();
  try {
    const { body } = await request(bus, CLOCK_SUBJECT, NOTHING, { timeoutMs });
    const receivedMs = nowMs();
    const peer = parsePeerTimes(body);
    return peer && { sentMs, receivedMs, ...peer };
  } catch (error) {
    if (error instanceof BusError) return undefined;
    throw error;
  }
}

function parsePeerTimes(body: Uint8Array): { receivedByPeerMs: number; answeredByPeerMs: number } | undefined {
  try {
    const times = JSON.parse(decoder.decode(body)) as { receivedMs?: unknown; answeredMs?: unknown } | null;
    const { receivedMs, answeredMs } = times ?? {};
    if (typeof receivedMs !== 'number' || typeof answeredMs !== 'number') return undefined;
    return { receivedByPeerMs: receivedMs, answeredByPeerMs: answeredMs };
  } catch {
    return undefined;
  }
}

/**
 * The wall clock with the resolution of the monotonic one, because `Date.now()` cuts to whole ms, more than a round
 * trip takes. Once the wall clock was set while the process ran the two differ, and the wall clock alone is right.
 */
function wallClockMs(): number {
  const precise = performance.timeOrigin + performance.now();
  const wall = Date.now();
  return Math.abs(precise - wall) < 1.5 ? precise : wall;
}

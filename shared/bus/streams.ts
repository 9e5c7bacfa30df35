import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../lifecycle/backoff.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream, isServerError, ServerError } from './jetstream-api.ts';
import {
  compareStream,
  eventsStream,
  messagesStream,
  type StreamConfig,
  type StreamDifference,
} from './stream-config.ts';

export interface StreamOptions {
  /** 1 on a single server, 3 in a cluster. */
  readonly replicas: 1 | 3;
  /** Whether an existing stream may be brought into shape. The WhatsApp service may; to everybody else its replicas are none of their business. */
  readonly mayChange: boolean;
  /** How long to wait for a JetStream that does not answer or has no leader yet, in ms. Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** An existing stream differs from what the system relies on, and may not or cannot be changed. */
export class StreamIncompatibleError extends Error {
  readonly code = 'STREAM_INCOMPATIBLE';
  readonly stream: string;
  readonly differences: readonly StreamDifference[];

  constructor(stream: string, differences: readonly StreamDifference[], cause?: unknown) {
    const list = differences.map(({ field, have, want }) => `${field} is ${have}, must be ${want}`).join('; ');
    const refusal = cause instanceof Error ? ` (${cause.message})` : '';
    super(`stream ${stream} is incompatible: ${list}${refusal}`, { cause });
    this.name = 'StreamIncompatibleError';
    this.stream = stream;
    this.differences = differences;
  }

  shouldRetry(): boolean {
    return false;
  }
}

const RETRY = { baseMs: 100, maxMs: 2_000 };

/**
 * Makes sure that both streams exist as the system needs them. Safe to call from many services at once.
 * @throws StreamIncompatibleError for an existing stream that differs and may not or cannot be changed.
 * @throws BusError when JetStream does not answer within `timeoutMs`, or refuses to create a stream.
 */
export function ensureStreams(bus: BusConnection, options: StreamOptions): Promise<void> {
  return ensureAll(bus, options, 0);
}

/** Longer than a server takes to remove the files of a stream, in ms: those of small ones are gone after 20. */
const DELETION_MS = 1_000;

/**
 * As `ensureStreams`, for streams that were there before. nats-server (seen on 2.9.10) calls a stream missing while it is
 * still removing its files: one created in that moment loses its own with them, and then acknowledges what it does not
 * keep, or answers nothing. So this waits until a deletion under way is over before it creates anything.
 * @throws as `ensureStreams`.
 */
export function recreateStreams(bus: BusConnection, options: StreamOptions): Promise<void> {
  return ensureAll(bus, options, DELETION_MS);
}

async function ensureAll(bus: BusConnection, options: StreamOptions, settleMs: number): Promise<void> {
  const { replicas, timeoutMs = 30_000, signal } = options;
  const end = performance.now() + timeoutMs;
  for (const want of [eventsStream(replicas), messagesStream(replicas)]) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (settleMs > 0 && !(await readStream(bus, want.name))) {
          await sleep(settleMs, undefined, { ...(signal && { signal }) });
        }
        await ensureStream(bus, want, options.mayChange);
        break;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isTransient(error) || performance.now() > end) throw error;
        await sleep(backoffMs(attempt, RETRY), undefined, { ...(signal && { signal }) });
      }
    }
  }
}

/**
 * When the stream was created, as the server tells it; `undefined` when there is none. Two different answers are two
 * different streams.
 */
export async function readStreamCreation(bus: BusConnection, stream: string): Promise<string | undefined> {
  return (await readStream(bus, stream))?.created;
}

interface StreamInfo {
  readonly created: string;
  /** Absent on a server that is in no cluster. */
  readonly cluster?: unknown;
  readonly config: Readonly<Record<string, unknown>>;
}

async function ensureStream(bus: BusConnection, want: StreamConfig, mayChange: boolean): Promise<void> {
  const existing = await readStream(bus, want.name);
  if (existing) {
    await reconcile(bus, existing, { want, mayChange });
    return;
  }
  try {
    requireShape(toStreamInfo(await askJetStream(bus, `STREAM.CREATE.${want.name}`, want)), want);
  } catch (error) {
    if (!isServerError(error, ServerError.streamNameInUse)) throw error;
    // Somebody else was faster, with another configuration.
    const theirs = await readStream(bus, want.name);
    if (!theirs) throw error;
    await reconcile(bus, theirs, { want, mayChange });
  }
}

async function reconcile(
  bus: BusConnection,
  { config, cluster }: StreamInfo,
  { want, mayChange }: { readonly want: StreamConfig; readonly mayChange: boolean },
): Promise<void> {
  const differences = compareStream(config, want).filter(({ field }) => mayChange || field !== 'num_replicas');
  if (differences.length === 0) return;
  // A server without a cluster takes an update to more replicas and makes none: seen on 2.9.10.
  const impossible = cluster === undefined && want.num_replicas > 1;
  if (!mayChange || impossible) throw new StreamIncompatibleError(want.name, differences);
  let updated: StreamInfo;
  try {
    updated = toStreamInfo(await askJetStream(bus, `STREAM.UPDATE.${want.name}`, { ...config, ...want }));
  } catch (error) {
    if (isTransient(error)) throw error;
    throw new StreamIncompatibleError(want.name, differences, error);
  }
  requireShape(updated, want);
}

/** Servers pass over fields that they do not know without a word: only the answer tells. */
function requireShape({ config }: StreamInfo, want: StreamConfig): void {
  const differences = compareStream(config, want);
  if (differences.length > 0) throw new StreamIncompatibleError(want.name, differences);
}

async function readStream(bus: BusConnection, stream: string): Promise<StreamInfo | undefined> {
  try {
    return toStreamInfo(await askJetStream(bus, `STREAM.INFO.${stream}`));
  } catch (error) {
    if (isServerError(error, ServerError.streamNotFound)) return undefined;
    throw error;
  }
}

function toStreamInfo(answer: object): StreamInfo {
  const { created, config, cluster } = answer as { created?: unknown; config?: unknown; cluster?: unknown };
  if (typeof created !== 'string' || typeof config !== 'object' || config === null) {
    throw new BusError('BUS_BAD_ANSWER', 'the stream information lacks its creation time or configuration');
  }
  return { created, config: config as Readonly<Record<string, unknown>>, cluster };
}

/** A JetStream without a leader answers 503, one that is starting not at all. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof BusError)) return false;
  switch (error.code) {
    case 'BUS_TIMEOUT':
    case 'BUS_NOT_CONNECTED':
    case 'BUS_DISCONNECTED':
    case 'BUS_NO_RESPONDERS':
    case 'BUS_BAD_ANSWER':
      return true;
    case 'BUS_REFUSED':
      return error.status === 503;
    case 'BUS_CLOSED':
    case 'BUS_TOO_LARGE':
    case 'BUS_FORBIDDEN':
      return false;
  }
}

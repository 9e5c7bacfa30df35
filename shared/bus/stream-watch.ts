import { EVENTS_STREAM } from '../contract/subjects.ts';
import { toBusError, type BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { readStreamCreation, recreateStreams, StreamIncompatibleError, type StreamOptions } from './streams.ts';

export interface StreamWatchOptions {
  /** How the streams are created when they are gone. */
  readonly streams: StreamOptions;
  /** ms between two looks. Default 10,000. */
  readonly intervalMs?: number | undefined;
  /** The events stream is another one than before, and empty but for what was published since. */
  readonly onRecreated?: () => void;
  /** The creation time of the events stream, as the server tells it: at the first look and whenever it is another one. */
  readonly onFound?: (created: string) => void;
  /** A look failed; the next one comes as usual. Not called for a broker that is away. */
  readonly onError?: (error: BusError | StreamIncompatibleError) => void;
}

/** Looks after the streams until stopped. */
export interface StreamWatch extends Disposable {
  /** Looks at once, besides the rounds, as when a publish found no stream. Never rejects. */
  check(): Promise<void>;
  stop(): void;
}

/**
 * Notices that the events stream was deleted, whoever creates it again, and creates it if nobody did: at intervals and
 * after every reconnect. The first look, on which `check` of the answer waits, only remembers which stream it is.
 */
export function watchStream(bus: BusConnection, options: StreamWatchOptions): StreamWatch {
  const { streams, intervalMs = 10_000, onRecreated, onFound, onError } = options;
  let known: string | undefined;
  let looking: Promise<void> | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const found = await readStreamCreation(bus, EVENTS_STREAM);
    if (found === undefined) await recreateStreams(bus, { ...streams, timeoutMs: 0 });
    const created = found ?? (await readStreamCreation(bus, EVENTS_STREAM));
    if (created === undefined || stopped) return;
    if (created === known) return;
    const recreated = known !== undefined;
    known = created;
    onFound?.(created);
    if (recreated) onRecreated?.();
  };
  const check = (): Promise<void> => {
    if (!bus.connected || stopped) return Promise.resolve();
    looking ??= look()
      .catch((error: unknown) => {
        if (bus.connected && !stopped) onError?.(toStreamError(error));
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
  const timer = setInterval(() => void check(), intervalMs);
  const stopListening = bus.onReconnected(() => void check());
  const stop = () => {
    stopped = true;
    clearInterval(timer);
    stopListening();
  };
  bus.onClosed(stop);
  void check();
  return { check, stop, [Symbol.dispose]: stop };
}

function toStreamError(error: unknown): BusError | StreamIncompatibleError {
  return error instanceof StreamIncompatibleError ? error : toBusError(error, 'watch stream');
}

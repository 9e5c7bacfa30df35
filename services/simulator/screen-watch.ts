import { BusConnection, type BusConnectionOptions } from '../../shared/bus/connection.ts';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import type { SimulatorInstruments } from './instruments.ts';
import type { Screens } from './screens.ts';

/**
 * Shows the salons' screens to the phones for as long as it is not disposed of. Connects in the background and waits for
 * NATS for ever: without it the screens stay as they are and everything else works.
 */
export function watchScreens(
  nats: Omit<BusConnectionOptions, 'name' | 'observer'>,
  screens: Screens,
  instruments: SimulatorInstruments,
): AsyncDisposable {
  const stopping = new AbortController();
  const watching = connectAndSubscribe(nats, screens, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) instruments.screensUnavailable(error);
    return undefined;
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const bus = await watching;
      await bus?.drain();
    },
  };
}

async function connectAndSubscribe(
  nats: Omit<BusConnectionOptions, 'name' | 'observer'>,
  screens: Screens,
  signal: AbortSignal,
): Promise<BusConnection> {
  const bus = await BusConnection.connect({ ...nats, name: 'simulator' }, signal);
  subscribeEvents(bus, ({ subject, body }) => screens.see(subject, body));
  return bus;
}

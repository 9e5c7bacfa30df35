import { BusConnection, type BusConnectionOptions } from '../../shared/bus/connection.ts';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import { readLastEvent } from '../../shared/bus/last-event.ts';
import { readStoredCompanies } from '../../shared/bus/stored-companies.ts';
import { eventsSubject } from '../../shared/contract/subjects.ts';
import type { SimulatorInstruments } from './instruments.ts';
import type { Screens } from './screens.ts';

interface Watchers {
  readonly screens: Screens;
  readonly instruments: SimulatorInstruments;
}

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
  const watching = connectAndSubscribe(nats, { screens, instruments }, stopping.signal).catch((error: unknown) => {
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
  { screens, instruments }: Watchers,
  signal: AbortSignal,
): Promise<BusConnection> {
  const bus = await BusConnection.connect({ ...nats, name: 'simulator' }, signal);
  subscribeEvents(bus, ({ subject, body }) => screens.see(subject, body));
  const catchUp = () =>
    void readScreens(bus, screens).catch((error: unknown) => {
      if (!signal.aborted) instruments.screensUnread(error);
    });
  bus.onReconnected(catchUp);
  catchUp();
  return bus;
}

/** What the salons show already, or showed while this was not connected. */
async function readScreens(bus: BusConnection, screens: Screens): Promise<void> {
  for (const companyId of await readStoredCompanies(bus)) {
    const last = await readLastEvent(bus, companyId);
    if (last) screens.see(eventsSubject(companyId), last.body);
  }
}

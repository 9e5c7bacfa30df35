import { measureClockOffset } from '../../../shared/bus/clock-offset.ts';
import type { BusConnection } from '../../../shared/bus/connection.ts';
import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { SocketInstruments } from '../instruments.ts';

/** Clocks drift by ms in this time, QR codes live for tens of seconds. */
const KNOWN_EVERY_MS = 60_000;
const UNKNOWN_EVERY_MS = 2000;

/** Keeps measuring how far the clock of the WhatsApp service is ahead; often while nobody has answered yet. */
export class ClockOffsetWatch implements AsyncDisposable {
  readonly #bus: BusConnection;
  readonly #instruments: SocketInstruments;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #offsetMs: number | undefined;

  constructor(bus: BusConnection, instruments: SocketInstruments) {
    this.#bus = bus;
    this.#instruments = instruments;
    this.#loop = this.#measureOnAndOn();
  }

  /** The WhatsApp service's clock minus the own one in ms; the last known while nobody answers. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #measureOnAndOn(): Promise<void> {
    do {
      const offset = await measureClockOffset(this.#bus);
      if (!offset) continue;
      this.#offsetMs = offset.offsetMs;
      this.#instruments.clockOffset(offset.offsetMs);
    } while (
      await sleepUnlessAborted(this.#offsetMs === undefined ? UNKNOWN_EVERY_MS : KNOWN_EVERY_MS, this.#stopped.signal)
    );
  }
}

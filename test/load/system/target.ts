import type { ClientKind } from '../generator/client.ts';
import type { TransportOptions } from '../generator/transport.ts';
import type { Watched } from '../measures/process-use.ts';

/** What is put under load. */
export interface Target {
  /** Gateways; browsers are spread over them. */
  readonly gatewayUrls: readonly string[];
  readonly transport: TransportOptions;
  readonly client: ClientKind;
  /** A token that the gateways take. */
  readonly token: (salonId: string) => Promise<string>;
  /** `/metrics` of the gateways and of the WhatsApp service; unreachable ones are left out of the report. */
  readonly metricsUrls: readonly string[];
  readonly watched: readonly Watched[];
}

/** The sessions' side, for a run through WhatsApp. */
export interface WhatsAppTarget {
  readonly natsUrl: string;
  readonly simulatorUrl: string;
}

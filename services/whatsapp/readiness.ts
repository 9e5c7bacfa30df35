import type { BusConnection } from '../../shared/bus/connection.ts';
import { readStreamCreation } from '../../shared/bus/streams.ts';
import { EVENTS_STREAM } from '../../shared/contract/subjects.ts';
import { toReadiness, type Readiness } from '../../shared/http/health.ts';
import type { SqlDatabase } from './store/database.ts';

/** What readiness depends on, as far as it has been started. */
export interface Dependencies {
  readonly db?: SqlDatabase;
  readonly bus?: BusConnection;
  /** Whether this replica may hold sessions. */
  readonly lease?: { readonly valid: boolean };
}

/** Asks NATS, the stream and the database themselves. Never rejects. */
export async function readReadiness({ db, bus, lease }: Dependencies): Promise<Readiness> {
  const [database, stream] = await Promise.all([checkDatabase(db), checkStream(bus)]);
  return toReadiness({ nats: checkNats(bus), database, stream, lease: lease?.valid ? 'ok' : 'none' });
}

function checkNats(bus: BusConnection | undefined): string {
  if (!bus) return 'connecting';
  return bus.connected ? 'ok' : 'disconnected';
}

async function checkDatabase(db: SqlDatabase | undefined): Promise<string> {
  if (!db) return 'starting';
  return describe(db.query('SELECT 1'), 'ok');
}

async function checkStream(bus: BusConnection | undefined): Promise<string> {
  if (!bus) return 'starting';
  const created = readStreamCreation(bus, EVENTS_STREAM);
  return describe(created, (await created.catch(() => 'unknown')) === undefined ? 'missing' : 'ok');
}

async function describe(check: Promise<unknown>, success: string): Promise<string> {
  try {
    await check;
    return success;
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  }
}

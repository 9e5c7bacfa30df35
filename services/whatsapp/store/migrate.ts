import type { SqlDatabase, SqlQueries } from './database.ts';
import { DatabaseUnavailableError, LegacyTablesError, MigrationError, SchemaTooNewError } from './errors.ts';
import * as sessions from './migrations/0001-sessions.ts';

export interface Migration {
  readonly name: string;
  up(tx: SqlQueries): Promise<void>;
}

/** Number 1 first. A migration that was released never changes. */
const MIGRATIONS: readonly Migration[] = [sessions];

/** The key of the advisory lock: any constant that nothing else in the database uses. */
const LOCK = 0x77_61_64_62;

/**
 * Brings the schema to this release. Everything happens in one transaction under an advisory lock: processes that start
 * at once take turns, and a failure leaves the database as it was.
 * @throws MigrationError naming the migration that failed.
 * @throws LegacyTablesError when tables of an earlier product hold our names.
 * @throws SchemaTooNewError when a newer release was here.
 */
export async function migrate(db: SqlDatabase, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  await db.transaction(async (tx) => {
    // Another process may hold the lock for as long as its migrations take.
    await tx.query('SET LOCAL statement_timeout = 0');
    await tx.query('SELECT pg_advisory_xact_lock($1::bigint)', [LOCK]);
    await tx.query(`CREATE TABLE IF NOT EXISTS whatsapp_migrations (
      number integer PRIMARY KEY,
      name text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
    const applied = await tx.query<{ number: number }>('SELECT number FROM whatsapp_migrations ORDER BY number');
    const unknown = applied.map(({ number }) => number).filter((number) => number > migrations.length);
    if (unknown.length > 0) throw new SchemaTooNewError(unknown);
    const done = new Set(applied.map(({ number }) => number));
    for (const [index, migration] of migrations.entries()) {
      if (!done.has(index + 1)) await apply(tx, index + 1, migration);
    }
  });
}

async function apply(tx: SqlQueries, number: number, migration: Migration): Promise<void> {
  try {
    await migration.up(tx);
    await tx.query('INSERT INTO whatsapp_migrations (number, name) VALUES ($1, $2)', [number, migration.name]);
  } catch (error) {
    if (error instanceof LegacyTablesError || error instanceof DatabaseUnavailableError) throw error;
    throw new MigrationError(`${String(number).padStart(4, '0')}-${migration.name}`, error);
  }
}

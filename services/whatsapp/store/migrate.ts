import type { SqlDatabase, SqlQueries } from './database.ts';
import type { Keyring } from './encryption.ts';
import {
  DatabaseUnavailableError,
  LegacyRowsError,
  LegacyTablesError,
  MigrationError,
  SchemaTooNewError,
} from './errors.ts';
import type { LegacyImport } from './legacy-import.ts';
import type { Migration, MigrationContext } from './migration.ts';
import * as sessions from './migrations/0001-sessions.ts';
import * as leases from './migrations/0002-leases.ts';

export interface MigrateOptions {
  readonly keyring: Keyring;
  readonly migrations?: readonly Migration[];
  /** Does everything, answers what was done, and takes it all back. The tables are locked meanwhile. */
  readonly dryRun?: boolean;
}

export interface MigrationReport {
  /** The migrations that this run applied, as `0001-sessions`. */
  readonly applied: readonly string[];
  /** What came out of the tables of an earlier product; absent when there were none. */
  readonly imported?: LegacyImport;
}

/** Number 1 first. A migration that was released never changes. */
const MIGRATIONS: readonly Migration[] = [sessions, leases];

/** The key of the advisory lock: any constant that nothing else in the database uses. */
const LOCK = 0x77_61_64_62;

/**
 * Brings the schema to this release. Everything happens in one transaction under an advisory lock: processes that start
 * at once take turns, and a failure leaves the database as it was.
 * @throws MigrationError naming the migration that failed.
 * @throws LegacyTablesError, LegacyRowsError when an earlier product's tables cannot be imported.
 * @throws SchemaTooNewError when a newer release was here.
 */
export async function migrate(db: SqlDatabase, options: MigrateOptions): Promise<MigrationReport> {
  if (!options.dryRun) return db.transaction((tx) => run(tx, options));
  const rehearsal = new Rehearsal();
  try {
    await db.transaction(async (tx) => {
      rehearsal.report = await run(tx, options);
      throw rehearsal;
    });
  } catch (error) {
    if (error !== rehearsal) throw error;
  }
  return rehearsal.report;
}

/** Thrown to take back what a dry run did. */
class Rehearsal extends Error {
  report: MigrationReport = { applied: [] };
}

async function run(tx: SqlQueries, { keyring, migrations = MIGRATIONS }: MigrateOptions): Promise<MigrationReport> {
  // Another process may hold the lock for as long as its migrations take.
  await tx.query('SET LOCAL statement_timeout = 0');
  await tx.query('SELECT pg_advisory_xact_lock($1::bigint)', [LOCK]);
  await tx.query(`CREATE TABLE IF NOT EXISTS whatsapp_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`);
  const rows = await tx.query<{ number: number }>('SELECT number FROM whatsapp_migrations ORDER BY number');
  const unknown = rows.map(({ number }) => number).filter((number) => number > migrations.length);
  if (unknown.length > 0) throw new SchemaTooNewError(unknown);
  const done = new Set(rows.map(({ number }) => number));
  const applied: string[] = [];
  let imported: LegacyImport | undefined;
  const context: MigrationContext = { keyring, onImported: (result) => (imported = result) };
  for (const [index, migration] of migrations.entries()) {
    if (!done.has(index + 1)) applied.push(await apply(tx, index + 1, migration, context));
  }
  return { applied, ...(imported && { imported }) };
}

async function apply(tx: SqlQueries, number: number, migration: Migration, context: MigrationContext): Promise<string> {
  const title = `${String(number).padStart(4, '0')}-${migration.name}`;
  try {
    await migration.up(tx, context);
    await tx.query('INSERT INTO whatsapp_migrations (number, name) VALUES ($1, $2)', [number, migration.name]);
    return title;
  } catch (error) {
    if (isClearByItself(error)) throw error;
    throw new MigrationError(title, error);
  }
}

function isClearByItself(error: unknown): boolean {
  return (
    error instanceof LegacyTablesError || error instanceof LegacyRowsError || error instanceof DatabaseUnavailableError
  );
}

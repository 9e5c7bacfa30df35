import { join } from 'node:path';
import type { DatabaseOptions, SqlDatabase } from './database.ts';
import { openPostgres } from './postgres-database.ts';

/**
 * Opens the database and answers once it takes statements.
 * @throws DatabaseUnavailableError when PostgreSQL does not answer.
 * @throws DatabaseLockedError when another process has the embedded folder open.
 * @throws DatabaseOpenError when the embedded folder is damaged.
 */
export async function openDatabase(options: DatabaseOptions): Promise<SqlDatabase> {
  if (options.databaseUrl) return openPostgres({ ...options, databaseUrl: options.databaseUrl });
  // Loaded on demand: a replica on PostgreSQL does not pay for a WebAssembly engine.
  const { openPglite } = await import('./pglite-database.ts');
  return openPglite(join(options.dataDir, 'pglite'));
}

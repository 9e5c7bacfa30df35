import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlDatabase } from '../../services/whatsapp/store/database.ts';
import { openDatabase } from '../../services/whatsapp/store/open-database.ts';
import { startPostgres } from './postgres.ts';

/** A database that a test file owns; both engines run the same suites. */
export interface SqlEngine extends AsyncDisposable {
  readonly db: SqlDatabase;
  /** Back to a database without tables. */
  empty(): Promise<void>;
}

export const SQL_ENGINES: readonly { readonly name: string; readonly start: () => Promise<SqlEngine> }[] = [
  { name: 'PGlite', start: startPglite },
  { name: 'PostgreSQL', start: startRealPostgres },
];

async function startPglite(): Promise<SqlEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pglite-'));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  return toEngine(stack, await openDatabase({ dataDir }));
}

async function startRealPostgres(): Promise<SqlEngine> {
  const stack = new AsyncDisposableStack();
  const postgres = stack.use(await startPostgres());
  return toEngine(stack, await openDatabase({ databaseUrl: new URL(postgres.url), dataDir: '/nonexistent' }));
}

function toEngine(stack: AsyncDisposableStack, db: SqlDatabase): SqlEngine {
  stack.use(db);
  return {
    db,
    empty: () =>
      db.transaction(async (tx) => {
        await tx.query('DROP SCHEMA public CASCADE');
        await tx.query('CREATE SCHEMA public');
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { SqlDatabase, SqlQueries, SqlValue } from './database.ts';
import { DatabaseOpenError } from './errors.ts';
import { lockFolder } from './folder-lock.ts';

/**
 * Opens the embedded PostgreSQL in `folder`, creating it on first use, for this process alone. What it acknowledged
 * survives kill -9 of the process; against a loss of power there is no promise, as the file layer that PGlite 0.5 is
 * compiled on has no fsync.
 * @throws DatabaseLockedError when another process has it open.
 * @throws DatabaseOpenError when the files in the folder do not make a database.
 */
export async function openPglite(folder: string): Promise<SqlDatabase> {
  const lock = lockFolder(folder);
  try {
    return new PgliteDatabase(await openCluster(join(folder, 'cluster')), lock);
  } catch (cause) {
    lock[Symbol.dispose]();
    throw new DatabaseOpenError(folder, cause);
  }
}

/** A cluster that was being created when the process died may never open, so it gets its name only when it is whole. */
async function openCluster(cluster: string): Promise<PGlite> {
  if (!existsSync(cluster)) {
    const unfinished = `${cluster}.new`;
    await rm(unfinished, { recursive: true, force: true });
    await (await PGlite.create(unfinished)).close();
    await rename(unfinished, cluster);
  }
  return PGlite.create(cluster);
}

class PgliteDatabase implements SqlDatabase {
  readonly kind = 'pglite';
  readonly #pglite: PGlite;
  readonly #lock: Disposable;
  #closed: Promise<void> | undefined;

  constructor(pglite: PGlite, lock: Disposable) {
    this.#pglite = pglite;
    this.#lock = lock;
  }

  query<Row extends object>(sql: string, params?: readonly SqlValue[]): Promise<readonly Row[]> {
    return queriesOn(this.#pglite).query<Row>(sql, params);
  }

  transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    return this.#pglite.transaction((tx) => work(queriesOn(tx)));
  }

  close(): Promise<void> {
    this.#closed ??= this.#pglite.close().finally(() => this.#lock[Symbol.dispose]());
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function queriesOn(target: Pick<PGlite, 'query'>): SqlQueries {
  return {
    async query<Row extends object>(sql: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
      return (await target.query<Row>(sql, [...params])).rows;
    },
  };
}

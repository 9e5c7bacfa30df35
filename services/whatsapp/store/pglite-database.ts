import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { SqlDatabase, SqlQueries, SqlValue } from './database.ts';
import { lockFolder } from './folder-lock.ts';

/**
 * Opens the embedded PostgreSQL in `folder`, creating it on first use, for this process alone.
 * @throws DatabaseLockedError when another process has it open.
 */
export async function openPglite(folder: string): Promise<SqlDatabase> {
  const lock = lockFolder(folder);
  try {
    const cluster = join(folder, 'cluster');
    if (!existsSync(cluster)) await createCluster(cluster);
    return new PgliteDatabase(await PGlite.create(cluster), lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** A cluster whose creation was interrupted never opens again, so it gets its name only when it is whole. */
async function createCluster(cluster: string): Promise<void> {
  const unfinished = `${cluster}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await (await PGlite.create(unfinished)).close();
  await rename(unfinished, cluster);
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

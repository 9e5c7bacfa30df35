import { DatabaseError, Pool, type PoolClient } from 'pg';
import type { DatabaseOptions, SqlDatabase, SqlQueries, SqlValue } from './database.ts';
import { DatabaseUnavailableError } from './errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** Longer than the server's own limit, so that it only ends statements on a connection that has silently died. */
const ANSWER_TIMEOUT_MS = 35_000;

/** SQLSTATE classes that say nothing about the statement: connection, resources, operator intervention. */
const UNAVAILABLE_CLASSES: ReadonlySet<string> = new Set(['08', '53', '57']);

interface PostgresOptions extends DatabaseOptions {
  readonly databaseUrl: URL;
}

/** @throws DatabaseUnavailableError when the server does not answer a first statement. */
export async function openPostgres(options: PostgresOptions): Promise<SqlDatabase> {
  const pool = new Pool({
    connectionString: options.databaseUrl.href,
    application_name: 'whatsapp',
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', (error) => options.onConnectionLost?.(error));
  const database = new PostgresDatabase(pool);
  try {
    await database.query('SELECT 1');
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

class PostgresDatabase implements SqlDatabase {
  readonly kind = 'postgres';
  readonly #pool: Pool;
  #closed: Promise<void> | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async query<Row extends object>(sql: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
    try {
      const config = { text: sql, values: [...params], query_timeout: ANSWER_TIMEOUT_MS };
      return (await this.#pool.query<Row>(config)).rows;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    // The pool listens only to idle connections: without this, losing this one between two statements ends the process.
    client.on('error', ignoreLoss);
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(queriesOn(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      broken = await rollback(client);
      throw toStoreError(error);
    } finally {
      client.off('error', ignoreLoss);
      client.release(broken);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

function queriesOn(client: PoolClient): SqlQueries {
  return {
    async query<Row extends object>(sql: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
      try {
        return (await client.query<Row>(sql, [...params])).rows;
      } catch (error) {
        throw toStoreError(error);
      }
    },
  };
}

/** The next statement on the connection rejects with the same loss. */
function ignoreLoss(): void {}

/** Answers the error of a connection that cannot even roll back: the pool must throw that connection away. */
async function rollback(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function toStoreError(error: unknown): unknown {
  if (error instanceof DatabaseError) {
    return UNAVAILABLE_CLASSES.has(error.code?.slice(0, 2) ?? '') ? new DatabaseUnavailableError(error) : error;
  }
  return isConnectionFault(error) ? new DatabaseUnavailableError(error) : error;
}

/** `pg` has no error class of its own for these: sockets fail with a system error code, the rest is told by its text. */
function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('syscall' in error) return true;
  if (error instanceof AggregateError) return error.errors.every(isConnectionFault);
  return /^(Connection terminated|Query read timeout|timeout e(xceeded|xpired)|Client has encountered a connection error)/.test(
    error.message,
  );
}

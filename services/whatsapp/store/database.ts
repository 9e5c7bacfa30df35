/** What both engines accept as a parameter. Arrays need a cast in the SQL (`$1::text[]`, `$2::bytea[]`). */
export type SqlValue = string | number | boolean | null | Uint8Array | readonly string[] | readonly Uint8Array[];

export interface SqlQueries {
  /** Runs one statement with `$1` parameters. `bigint` columns come as string, number or bigint: wrap them in `Number`. */
  query<Row extends object>(sql: string, params?: readonly SqlValue[]): Promise<readonly Row[]>;
}

/** One SQL dialect, two engines. */
export interface SqlDatabase extends SqlQueries, AsyncDisposable {
  readonly kind: 'postgres' | 'pglite';
  /** Commits when `work` resolves, rolls back wholly when it rejects, and rejects with the same error. */
  transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T>;
  /** Idempotent; waits for running statements. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** PostgreSQL; unset opens the embedded engine in a folder under `dataDir`. */
  readonly databaseUrl?: URL | undefined;
  readonly dataDir: string;
  /** Connections to PostgreSQL that one process may hold; 10 by default. */
  readonly maxConnections?: number | undefined;
  /** A pooled connection died while nobody used it; the pool replaces it. */
  readonly onConnectionLost?: ((error: Error) => void) | undefined;
}

import type { CompanyId } from '../../../shared/contract/company-id.ts';

/** A newer epoch owns the company: nothing was written, and nothing this owner writes ever will be. */
export class FencedError extends Error {
  readonly code = 'FENCED';
  readonly companyId: CompanyId;
  readonly epoch: number;

  constructor(companyId: CompanyId, epoch: number) {
    super(`${companyId} is no longer owned at epoch ${epoch}: nothing was written`);
    this.name = 'FencedError';
    this.companyId = companyId;
    this.epoch = epoch;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** Another replica holds the company's session. */
export class NotOwnerError extends Error {
  readonly code = 'NOT_OWNER';
  readonly companyId: CompanyId;
  /** Its name; `undefined` when the session was given up meanwhile. */
  readonly owner: string | undefined;

  constructor(companyId: CompanyId, owner: string | undefined) {
    super(`${companyId} is held by ${owner ?? 'another replica'}`);
    this.name = 'NotOwnerError';
    this.companyId = companyId;
    this.owner = owner;
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** This replica's lease has ended: it holds nothing and can take nothing until it has a new one. */
export class LeaseLostError extends Error {
  readonly code = 'LEASE_LOST';

  constructor(options?: { readonly cause?: unknown }) {
    super('the lease of this replica has ended', options);
    this.name = 'LeaseLostError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** `corrupted` covers every way in which bytes fail authentication: damage, another row's bytes, a forged key id. */
export type UnreadableReason = 'unknown-format' | 'unknown-key' | 'corrupted';

/** One company's stored credentials cannot be decrypted; every other company is unaffected. */
export class CredentialsUnreadableError extends Error {
  readonly code = 'CREDENTIALS_UNREADABLE';
  readonly companyId: CompanyId;
  readonly reason: UnreadableReason;

  constructor(companyId: CompanyId, reason: UnreadableReason, options?: { readonly cause?: unknown }) {
    super(`stored credentials of ${companyId} cannot be read: ${reason}`, options);
    this.name = 'CredentialsUnreadableError';
    this.companyId = companyId;
    this.reason = reason;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** Another process has the embedded database open. */
export class DatabaseLockedError extends Error {
  readonly code = 'DATABASE_LOCKED';
  readonly folder: string;

  constructor(folder: string, owner: string | undefined) {
    super(
      `the embedded database in ${folder} is open in another process${owner ? ` (${owner})` : ''}: stop that process, ` +
        'give this one a DATA_DIR of its own, or set DATABASE_URL to a PostgreSQL server that several processes can share',
    );
    this.name = 'DatabaseLockedError';
    this.folder = folder;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** The embedded database's files do not make a database: damaged, of another version, or not readable. */
export class DatabaseOpenError extends Error {
  readonly code = 'DATABASE_OPEN_FAILED';
  readonly folder: string;

  constructor(folder: string, cause: unknown) {
    super(
      `the embedded database in ${folder} does not open: restore the folder from a copy, or move it away to begin ` +
        'without sessions (every company then links its phone again)',
      { cause },
    );
    this.name = 'DatabaseOpenError';
    this.folder = folder;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** PostgreSQL cannot be reached, is starting or stopping, or did not answer in time. The outcome of a write is unknown. */
export class DatabaseUnavailableError extends Error {
  readonly code = 'DATABASE_UNAVAILABLE';

  constructor(cause: unknown) {
    super(`the database is unavailable: ${toReason(cause)}`, { cause });
    this.name = 'DatabaseUnavailableError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

export interface FoundTable {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Tables of an earlier product hold our names, and are not such as can be imported. They were left exactly as they are. */
export class LegacyTablesError extends Error {
  readonly code = 'LEGACY_TABLES';
  readonly found: readonly FoundTable[];

  constructor(found: readonly FoundTable[], why: string) {
    const list = found.map(({ table, columns }) => `${table} (${columns.join(', ')})`).join('; ');
    super(
      `the database already holds tables that this service did not make: ${list}. ${why}. Nothing was changed: ` +
        'bring them into a form that can be imported, move them away, or use another database',
    );
    this.name = 'LegacyTablesError';
    this.found = found;
  }

  shouldRetry(): boolean {
    return false;
  }
}

export interface LegacyFinding {
  /** Stable; closed list. */
  readonly problem: string;
  /** The same for people. */
  readonly what: string;
  readonly rows: number;
  /** Company ids as they are stored, a few. */
  readonly examples: readonly string[];
}

/** Rows of an earlier product that cannot be imported without a doubt. Everything was left exactly as it is. */
export class LegacyRowsError extends Error {
  readonly code = 'LEGACY_ROWS';
  readonly findings: readonly LegacyFinding[];

  constructor(findings: readonly LegacyFinding[]) {
    const list = findings.map(
      ({ problem, what, rows, examples }) => `${problem}: ${rows} ${what} (${examples.join(', ')})`,
    );
    super(`the legacy tables were not imported, and nothing was changed: ${list.join('; ')}`);
    this.name = 'LegacyRowsError';
    this.findings = findings;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A migration failed and everything it did was rolled back, together with those before it in the same run. */
export class MigrationError extends Error {
  readonly code = 'MIGRATION_FAILED';
  readonly migration: string;

  constructor(migration: string, cause: unknown) {
    super(`migration ${migration} failed and was rolled back: ${toReason(cause)}`, {
      cause,
    });
    this.name = 'MigrationError';
    this.migration = migration;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A newer release has migrated this database: this one does not know what the schema means now. */
export class SchemaTooNewError extends Error {
  readonly code = 'SCHEMA_TOO_NEW';
  readonly unknown: readonly number[];

  constructor(unknown: readonly number[]) {
    super(`the database was migrated by a newer release (migrations ${unknown.join(', ')}): upgrade this process`);
    this.name = 'SchemaTooNewError';
    this.unknown = unknown;
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A host with several addresses fails with an AggregateError that has no text of its own. */
function toReason(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(toReason).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}

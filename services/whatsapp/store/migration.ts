import type { SqlQueries } from './database.ts';
import type { Keyring } from './encryption.ts';
import type { LegacyImport } from './legacy-import.ts';

/** What a migration may need besides the database. */
export interface MigrationContext {
  /** Encrypts what is imported. */
  readonly keyring: Keyring;
  readonly onImported: (result: LegacyImport) => void;
}

/** One step of the schema; all steps of a run are one transaction. */
export interface Migration {
  readonly name: string;
  up(tx: SqlQueries, context: MigrationContext): Promise<void>;
}

import type { SqlQueries } from './database.ts';
import { LegacyTablesError, type FoundTable } from './errors.ts';

/**
 * Resolves when the schema holds no credential tables yet.
 * @throws LegacyTablesError with the columns of those it holds. Reads only.
 */
export async function refuseLegacyTables(tx: SqlQueries): Promise<void> {
  const found = await tx.query<{ name: string; columns: string }>(
    `SELECT table_name::text AS name, string_agg(column_name::text, ',' ORDER BY ordinal_position) AS columns
       FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name IN ('whatsapp_auth', 'whatsapp_keys')
      GROUP BY table_name ORDER BY table_name`,
  );
  if (found.length > 0) throw new LegacyTablesError(found.map(toFoundTable));
}

function toFoundTable({ name, columns }: { readonly name: string; readonly columns: string }): FoundTable {
  return { table: name, columns: columns.split(',') };
}

import type { SqlQueries } from './database.ts';
import { LegacyTablesError, type FoundTable } from './errors.ts';

/** Where the rows of the earlier product stand once they are set aside, and how to read them: SQL expressions. */
export interface LegacyTables {
  readonly auth: { readonly table: string; readonly updated: string };
  readonly keys: { readonly table: string; readonly updated: string; readonly type: string; readonly id: string };
}

const AUTH = 'whatsapp_auth';
const KEYS = 'whatsapp_keys';
const BACKUPS = { [AUTH]: `${AUTH}_legacy_backup`, [KEYS]: `${KEYS}_legacy_backup` } as const;

/** The ways in which the earlier product named a key: in two columns, or in one as `<type>-<id>`. */
const KEY_COLUMNS = [
  { columns: ['type', 'id'], type: 'type::text', id: 'id::text' },
  { columns: ['key_type', 'key_id'], type: 'key_type::text', id: 'key_id::text' },
  { columns: ['key'], type: 'NULL::text', id: 'key::text' },
] as const;

const ID_TYPES = ['text', 'character varying', 'character', 'integer', 'bigint'];
const TEXT_TYPES = ['text', 'character varying', 'integer', 'bigint'];
const JSON_TYPES = ['json', 'jsonb', 'text', 'character varying'];
const TIME_TYPES = ['timestamp with time zone', 'timestamp without time zone', 'bigint', 'integer'];

interface Column {
  readonly table: string;
  readonly kind: string;
  readonly name: string;
  readonly type: string;
}

/**
 * Renames the plaintext tables of the earlier product, which have our names, to `*_legacy_backup`; `undefined` when
 * there are none. From here to the end of the transaction nobody else reads or writes them.
 * @throws LegacyTablesError with every table and column when they are not exactly the ones known.
 */
export async function setLegacyTablesAside(tx: SqlQueries): Promise<LegacyTables | undefined> {
  const columns = await readColumns(tx);
  const found = toFoundTables(columns);
  if (!columns.some(({ table }) => table === AUTH || table === KEYS)) return undefined;
  const leftover = found.filter(({ table }) => table.endsWith('_legacy_backup'));
  if (leftover.length > 0) throw new LegacyTablesError(found, 'the backup of an earlier import is still there');
  const missing = [AUTH, KEYS].find((name) => !columns.some(({ table }) => table === name));
  if (missing) throw new LegacyTablesError(found, `${missing} is missing, and credentials are of no use without keys`);
  const legacy = recognise(columns);
  if (!legacy) throw new LegacyTablesError(found, 'these are not the columns of a table that can be imported');
  for (const table of [AUTH, KEYS] as const) await tx.query(`ALTER TABLE ${table} RENAME TO ${BACKUPS[table]}`);
  return legacy;
}

async function readColumns(tx: SqlQueries): Promise<readonly Column[]> {
  return tx.query<Column>(
    `SELECT relation.relname::text AS table, relation.relkind::text AS kind, attribute.attname::text AS name,
            format_type(attribute.atttypid, NULL) AS type
       FROM pg_class AS relation
       JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace AND schema.nspname = current_schema()
       JOIN pg_attribute AS attribute
         ON attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
      WHERE relation.relname = ANY ($1::text[])
      ORDER BY relation.relname, attribute.attnum`,
    [[AUTH, KEYS, BACKUPS[AUTH], BACKUPS[KEYS]]],
  );
}

function recognise(columns: readonly Column[]): LegacyTables | undefined {
  if (columns.some(({ kind }) => kind !== 'r' && kind !== 'p')) return undefined;
  const auth = columnsOf(columns, AUTH);
  const keys = columnsOf(columns, KEYS);
  const keyColumns = KEY_COLUMNS.find((variant) => variant.columns.every((name) => keys.has(name)));
  if (!keyColumns) return undefined;
  const names = Object.fromEntries(keyColumns.columns.map((name) => [name, TEXT_TYPES]));
  if (!matches(auth, { company_id: ID_TYPES, creds: JSON_TYPES })) return undefined;
  if (!matches(keys, { company_id: ID_TYPES, value: JSON_TYPES, ...names })) return undefined;
  return {
    auth: { table: BACKUPS[AUTH], updated: updatedOf(auth) },
    keys: { table: BACKUPS[KEYS], updated: updatedOf(keys), type: keyColumns.type, id: keyColumns.id },
  };
}

function columnsOf(columns: readonly Column[], table: string): ReadonlyMap<string, string> {
  return new Map(columns.filter((column) => column.table === table).map(({ name, type }) => [name, type]));
}

/** Exactly the wanted columns, each of one of its types, with or without `updated_at`. */
function matches(found: ReadonlyMap<string, string>, wanted: Readonly<Record<string, readonly string[]>>): boolean {
  const allowed: Readonly<Record<string, readonly string[]>> = { ...wanted, updated_at: TIME_TYPES };
  const known = [...found].every(([name, type]) => allowed[name]?.includes(type));
  return known && Object.keys(wanted).every((name) => found.has(name));
}

function updatedOf(columns: ReadonlyMap<string, string>): string {
  return columns.has('updated_at') ? 'updated_at' : 'NULL::bigint';
}

function toFoundTables(columns: readonly Column[]): FoundTable[] {
  const tables = Map.groupBy(columns, ({ table }) => table);
  return [...tables].map(([table, of]) => ({ table, columns: of.map(({ name, type }) => `${name} ${type}`) }));
}

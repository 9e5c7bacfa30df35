import { COMPANY_ID_PATTERN } from '../../../../shared/contract/company-id.ts';
import type { SqlQueries } from '../database.ts';
import { importLegacyRows } from '../legacy-import.ts';
import { setLegacyTablesAside } from '../legacy-tables.ts';
import type { MigrationContext } from '../migration.ts';

const COMPANY_ID = `text COLLATE "C" NOT NULL CHECK (company_id ~ '${COMPANY_ID_PATTERN}')`;

/**
 * One row a session, its credentials, its Signal keys. `epoch` fences every write to the other two. What an earlier
 * product stored in plaintext under the same names is imported.
 */
export const name = 'sessions';

export async function up(tx: SqlQueries, { keyring, onImported }: MigrationContext): Promise<void> {
  const legacy = await setLegacyTablesAside(tx);
  await tx.query(`CREATE TABLE whatsapp_sessions (
    company_id ${COMPANY_ID} PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch >= 1),
    state text,
    confirmed boolean NOT NULL DEFAULT true,
    phone_number text,
    lid text,
    name text,
    updated_at timestamptz NOT NULL DEFAULT now()
  )`);
  await tx.query(`CREATE TABLE whatsapp_auth (
    company_id ${COMPANY_ID} PRIMARY KEY,
    creds bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
  )`);
  await tx.query(`CREATE TABLE whatsapp_keys (
    company_id ${COMPANY_ID},
    type text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company_id, type, id)
  )`);
  if (legacy) onImported(await importLegacyRows(tx, keyring, legacy));
}

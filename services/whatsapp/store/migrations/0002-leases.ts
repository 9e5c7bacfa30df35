import type { SqlQueries } from '../database.ts';

/**
 * One lease a replica. A session belongs to the replica that its row names; that a replica's row is deleted frees all
 * of its sessions at once, and only then anybody else can take one.
 */
export const name = 'leases';

export async function up(tx: SqlQueries): Promise<void> {
  await tx.query(`CREATE TABLE whatsapp_replicas (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    max_sessions integer NOT NULL,
    lease_until timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
  )`);
  await tx.query(`ALTER TABLE whatsapp_sessions
    ADD COLUMN owner text COLLATE "C" REFERENCES whatsapp_replicas (id) ON DELETE SET NULL`);
  await tx.query('CREATE INDEX whatsapp_sessions_owner ON whatsapp_sessions (owner)');
}

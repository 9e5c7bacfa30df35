import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { SqlDatabase } from './database.ts';

/** One process that holds, or may hold, sessions. */
export interface Replica {
  /** Unique per start of a process: a replica that comes back is another one. */
  readonly id: string;
  /** `REPLICA_ID`: for people. */
  readonly name: string;
  readonly maxSessions: number;
}

/** A replica whose lease is valid, with what it holds. */
export interface LiveReplica extends Replica {
  readonly sessions: number;
  /** Until its lease ends unless it is renewed, in ms. */
  readonly endsInMs: number;
}

const UNTIL = `clock_timestamp() + $2::int * interval '1 millisecond'`;

/**
 * The leases of all replicas. Only the database's clock counts. A lease that has ended is never renewed, and as long as
 * its row is there nobody takes its sessions: between the end of a lease and its removal they belong to nobody who writes.
 */
export class LeaseStore {
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  /** Begins a lease of `ttlMs`. The embedded database has one process at a time: whoever is there came before it. */
  async join({ id, name, maxSessions }: Replica, ttlMs: number): Promise<void> {
    if (this.#db.kind === 'pglite') await this.#db.query('DELETE FROM whatsapp_replicas');
    await this.#db.query(
      `INSERT INTO whatsapp_replicas (id, lease_until, name, max_sessions) VALUES ($1, ${UNTIL}, $3, $4)`,
      [id, ttlMs, name, maxSessions],
    );
  }

  /** Extends the lease to `ttlMs` from now; `false` when it has ended, for good. */
  async renew(id: string, ttlMs: number): Promise<boolean> {
    const rows = await this.#db.query(
      `UPDATE whatsapp_replicas SET lease_until = ${UNTIL} WHERE id = $1 AND lease_until > clock_timestamp()
       RETURNING id`,
      [id, ttlMs],
    );
    return rows.length > 0;
  }

  /** Ends the lease and frees its sessions. Idempotent. */
  async leave(id: string): Promise<void> {
    await this.#db.query('DELETE FROM whatsapp_replicas WHERE id = $1', [id]);
  }

  /** Frees the sessions of every replica whose lease has ended; answers their names. */
  async removeExpired(): Promise<string[]> {
    const rows = await this.#db.query<{ name: string }>(
      'DELETE FROM whatsapp_replicas WHERE lease_until <= clock_timestamp() RETURNING name',
    );
    return rows.map(({ name }) => name);
  }

  async listLive(): Promise<LiveReplica[]> {
    const rows = await this.#db.query<{
      id: string;
      name: string;
      max_sessions: number;
      sessions: number;
      ends_in_ms: number;
    }>(
      `SELECT replica.id, replica.name, replica.max_sessions, count(session.company_id)::int AS sessions,
              (extract(epoch FROM replica.lease_until - clock_timestamp()) * 1000)::float8 AS ends_in_ms
         FROM whatsapp_replicas AS replica LEFT JOIN whatsapp_sessions AS session ON session.owner = replica.id
        WHERE replica.lease_until > clock_timestamp() GROUP BY replica.id ORDER BY replica.id`,
    );
    return rows.map(({ id, name, max_sessions: maxSessions, sessions, ends_in_ms: endsInMs }) => ({
      id,
      name,
      maxSessions,
      sessions,
      endsInMs,
    }));
  }

  /** The companies whose rows name the replica, with their epochs. */
  async listHeld(id: string): Promise<ReadonlyMap<CompanyId, number>> {
    const rows = await this.#db.query<{ company_id: CompanyId; epoch: string | number | bigint }>(
      'SELECT company_id, epoch FROM whatsapp_sessions WHERE owner = $1',
      [id],
    );
    return new Map(rows.map(({ company_id, epoch }) => [company_id, Number(epoch)]));
  }

  /** The name of the replica that the company's row names. */
  async readOwner(companyId: CompanyId): Promise<{ readonly id: string; readonly name: string } | undefined> {
    const [row] = await this.#db.query<{ id: string; name: string }>(
      `SELECT replica.id, replica.name FROM whatsapp_sessions AS session
         JOIN whatsapp_replicas AS replica ON replica.id = session.owner WHERE session.company_id = $1`,
      [companyId],
    );
    return row;
  }

  /** Frees one session that the replica holds at `epoch`; `false` when it does not. */
  async release(companyId: CompanyId, epoch: number, id: string): Promise<boolean> {
    const rows = await this.#db.query(
      `UPDATE whatsapp_sessions SET owner = NULL, updated_at = now()
        WHERE company_id = $1 AND epoch = $2::bigint AND owner = $3 RETURNING company_id`,
      [companyId, epoch, id],
    );
    return rows.length > 0;
  }
}

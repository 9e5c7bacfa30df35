import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { SESSION_STATES, isTerminal, type SessionState } from '../../../shared/contract/session-state.ts';
import type { SqlDatabase, SqlValue } from './database.ts';
import { credsAddress, keyAddress, type Keyring } from './encryption.ts';
import { FencedError, LeaseLostError, NotOwnerError } from './errors.ts';
import { WriteOrder } from './write-order.ts';

/** The session of one company as it was last saved. */
export interface SessionRow {
  readonly companyId: CompanyId;
  /** Number of the current ownership: every write must carry it. */
  readonly epoch: number;
  /** `undefined` until the first `saveState`. */
  readonly state: SessionState | undefined;
  /** The stream has acknowledged the event of this state. */
  readonly confirmed: boolean;
  readonly phoneNumber: string | undefined;
  readonly lid: string | undefined;
  readonly name: string | undefined;
}

/** The whole state: what is left out is cleared. */
export interface SavedState {
  readonly state: SessionState;
  readonly confirmed: boolean;
  readonly phoneNumber?: string | undefined;
  readonly lid?: string | undefined;
  readonly name?: string | undefined;
}

/** One Signal key; a `null` value deletes it. */
export interface KeyEntry {
  readonly type: string;
  readonly id: string;
  readonly value: string | null;
}

/**
 * Locks the session row when the epoch is still current. A write waits behind an acquisition that is under way and then
 * finds itself fenced, and an acquisition waits behind such a write: once `acquire` has answered, no older owner writes.
 * The same lock makes one company's writes take turns, so batches that share keys cannot deadlock.
 */
const FENCE = `fence AS MATERIALIZED (
  SELECT company_id FROM whatsapp_sessions WHERE company_id = $1 AND epoch = $2::bigint FOR NO KEY UPDATE
)`;

const SESSION_COLUMNS = 'company_id, epoch, state, confirmed, phone_number, lid, name';
/** `$1` are the terminal states. */
const RESTORABLE = `owner IS NULL
  AND (EXISTS (SELECT FROM whatsapp_auth AS auth WHERE auth.company_id = session.company_id)
       OR (NOT confirmed AND state = ANY ($1::text[])))`;
const TERMINAL_STATES = SESSION_STATES.filter(isTerminal);

interface StoredSession {
  readonly company_id: CompanyId;
  readonly epoch: string | number | bigint;
  readonly state: SessionState | null;
  readonly confirmed: boolean;
  readonly phone_number: string | null;
  readonly lid: string | null;
  readonly name: string | null;
}

/**
 * Sessions, credentials and Signal keys of all companies, credentials and keys encrypted at rest. Every write names the
 * epoch of its owner and rejects with FencedError, having changed nothing, when another owner came after. Each call is
 * one statement: it happened wholly or not at all. Writes of one company take effect in call order, awaited or not.
 */
export class SessionStore {
  readonly #db: SqlDatabase;
  readonly #keyring: Keyring;
  readonly #writes = new WriteOrder();

  constructor(db: SqlDatabase, keyring: Keyring) {
    this.#db = db;
    this.#keyring = keyring;
  }

  /**
   * Takes ownership by one conditional statement: creates the row when absent, names `owner` in it (the id of a replica
   * with a lease) and raises the epoch above both the row's and `atLeastEpoch` (0 when no event of the company is known).
   * Calls at once get different epochs, and only the highest can write afterwards.
   * @throws NotOwnerError, having changed nothing, while another replica is named.
   * @throws LeaseLostError when `owner` has no lease any more.
   */
  async acquire(companyId: CompanyId, atLeastEpoch: number, owner?: string): Promise<SessionRow> {
    if (!Number.isSafeInteger(atLeastEpoch) || atLeastEpoch < 0 || atLeastEpoch >= Number.MAX_SAFE_INTEGER) {
      throw new RangeError(`no epoch can follow ${atLeastEpoch}`);
    }
    try {
      const rows = await this.#db.query<StoredSession>(
        `INSERT INTO whatsapp_sessions AS session (company_id, epoch, owner) VALUES ($1, $2::bigint + 1, $3)
         ON CONFLICT (company_id) DO UPDATE
            SET epoch = greatest(session.epoch, $2::bigint) + 1, owner = $3, updated_at = now()
          WHERE session.owner IS NULL OR session.owner = $3
         RETURNING ${SESSION_COLUMNS}`,
        [companyId, atLeastEpoch, owner ?? null],
      );
      const [row] = rows.map(toSessionRow);
      if (row) return row;
    } catch (error) {
      if (isForeignKeyViolation(error)) throw new LeaseLostError({ cause: error });
      throw error;
    }
    throw new NotOwnerError(companyId, undefined);
  }

  /**
   * Sessions that nobody holds and somebody should: those with credentials, and those whose terminal state the stream may
   * not have.
   */
  async listRestorable(): Promise<SessionRow[]> {
    const rows = await this.#db.query<StoredSession>(
      `SELECT ${SESSION_COLUMNS} FROM whatsapp_sessions AS session
        WHERE ${RESTORABLE} ORDER BY company_id`,
      [TERMINAL_STATES],
    );
    return rows.map(toSessionRow);
  }

  /** How many `listRestorable` would answer. */
  async countRestorable(): Promise<number> {
    const [row] = await this.#db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM whatsapp_sessions AS session WHERE ${RESTORABLE}`,
      [TERMINAL_STATES],
    );
    return row?.n ?? 0;
  }

  /** @throws FencedError */
  async saveState(companyId: CompanyId, epoch: number, saved: SavedState): Promise<void> {
    const { state, confirmed, phoneNumber, lid, name } = saved;
    await this.#fenced(
      companyId,
      epoch,
      `UPDATE whatsapp_sessions
          SET state = $3, confirmed = $4, phone_number = $5, lid = $6, name = $7, updated_at = now()
        WHERE company_id = $1 AND epoch = $2::bigint RETURNING company_id`,
      [state, confirmed, phoneNumber ?? null, lid ?? null, withoutNul(name) ?? null],
    );
  }

  /**
   * The credentials as they were saved; `undefined` when the company has none.
   * @throws CredentialsUnreadableError when this company's row cannot be decrypted.
   */
  async readCreds(companyId: CompanyId): Promise<string | undefined> {
    const [row] = await this.#db.query<{ creds: Uint8Array }>('SELECT creds FROM whatsapp_auth WHERE company_id = $1', [
      companyId,
    ]);
    return row && this.#keyring.decrypt(row.creds, credsAddress(companyId));
  }

  /** @throws FencedError */
  async saveCreds(companyId: CompanyId, epoch: number, json: string): Promise<void> {
    await this.#fenced(
      companyId,
      epoch,
      `WITH ${FENCE}, saved AS (
         INSERT INTO whatsapp_auth (company_id, creds) SELECT company_id, $3::bytea FROM fence
         ON CONFLICT (company_id) DO UPDATE SET creds = excluded.creds, updated_at = now()
       ) SELECT company_id FROM fence`,
      [this.#keyring.encrypt(json, credsAddress(companyId))],
    );
  }

  /**
   * The keys that exist among `ids`, by id.
   * @throws CredentialsUnreadableError when one of them cannot be decrypted.
   */
  async readKeys(companyId: CompanyId, type: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#db.query<{ id: string; value: Uint8Array }>(
      'SELECT id, value FROM whatsapp_keys WHERE company_id = $1 AND type = $2 AND id = ANY ($3::text[])',
      [companyId, type, ids],
    );
    return new Map(
      rows.map(({ id, value }) => [id, this.#keyring.decrypt(value, keyAddress(companyId, type, id))] as const),
    );
  }

  /**
   * Writes and deletes a batch in one statement; of two entries for the same key the later counts.
   * @throws FencedError
   */
  async saveKeys(companyId: CompanyId, epoch: number, entries: readonly KeyEntry[]): Promise<void> {
    const last = [...new Map(entries.map((entry) => [JSON.stringify([entry.type, entry.id]), entry])).values()];
    const gone = last.filter(({ value }) => value === null);
    const kept = last.flatMap(({ type, id, value }) =>
      value === null ? [] : [{ type, id, value: this.#keyring.encrypt(value, keyAddress(companyId, type, id)) }],
    );
    await this.#fenced(
      companyId,
      epoch,
      `WITH ${FENCE}, gone AS (
         DELETE FROM whatsapp_keys AS stored USING fence, unnest($3::text[], $4::text[]) AS entry (type, id)
          WHERE stored.company_id = fence.company_id AND stored.type = entry.type AND stored.id = entry.id
       ), kept AS (
         INSERT INTO whatsapp_keys (company_id, type, id, value)
         SELECT fence.company_id, entry.type, entry.id, entry.value
           FROM fence, unnest($5::text[], $6::text[], $7::bytea[]) AS entry (type, id, value)
         ON CONFLICT (company_id, type, id) DO UPDATE SET value = excluded.value, updated_at = now()
       ) SELECT company_id FROM fence`,
      [
        gone.map(({ type }) => type),
        gone.map(({ id }) => id),
        kept.map(({ type }) => type),
        kept.map(({ id }) => id),
        kept.map(({ value }) => value),
      ],
    );
  }

  /**
   * Deletes the credentials and all keys of the company; its session row and epoch stay.
   * @throws FencedError
   */
  async discardCredentials(companyId: CompanyId, epoch: number): Promise<void> {
    await this.#fenced(
      companyId,
      epoch,
      `WITH ${FENCE}, auth AS (
         DELETE FROM whatsapp_auth AS stored USING fence WHERE stored.company_id = fence.company_id
       ), keys AS (
         DELETE FROM whatsapp_keys AS stored USING fence WHERE stored.company_id = fence.company_id
       ) SELECT company_id FROM fence`,
      [],
    );
  }

  /** Runs a statement whose `$1` and `$2` are company and epoch, and which answers a row only to the current owner. */
  async #fenced(companyId: CompanyId, epoch: number, sql: string, params: readonly SqlValue[]): Promise<void> {
    const rows = await this.#writes.run(companyId, () => this.#db.query(sql, [companyId, epoch, ...params]));
    if (rows.length === 0) throw new FencedError(companyId, epoch);
  }
}

/** The name is whatever somebody typed on a phone; PostgreSQL's text takes every character but this one. */
function withoutNul(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '');
}

function toSessionRow(row: StoredSession): SessionRow {
  return {
    companyId: row.company_id,
    epoch: Number(row.epoch),
    state: row.state ?? undefined,
    confirmed: row.confirmed,
    phoneNumber: row.phone_number ?? undefined,
    lid: row.lid ?? undefined,
    name: row.name ?? undefined,
  };
}

/** SQLSTATE 23503, in the words of either engine. */
function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23503';
}

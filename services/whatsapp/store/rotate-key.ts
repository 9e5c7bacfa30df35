import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { SqlDatabase, SqlValue } from './database.ts';
import { credsAddress, keyAddress, type Keyring, type ValueAddress } from './encryption.ts';
import { CredentialsUnreadableError } from './errors.ts';

export interface RotationOptions {
  /** Rows that are rewritten at once; 200 by default. A session waits with its own writes for about as long as one batch takes. */
  readonly batchRows?: number;
  /** Ends the run between two batches; what was rewritten stays, and the next run goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (rewritten: number) => void;
}

/** Stored values that no key of the ring opens, of one table, company and reason. */
export interface UnreadableValues {
  readonly table: ValueAddress['table'];
  readonly companyId: CompanyId;
  readonly reason: CredentialsUnreadableError['reason'];
  readonly rows: number;
}

export interface RotationReport {
  /** Values that the current key encrypts now and another one did before. */
  readonly rewritten: number;
  readonly unreadable: readonly UnreadableValues[];
  /** Nothing readable is left under another key: that key is of no use any more. */
  readonly complete: boolean;
}

interface StoredValue {
  readonly type: string;
  readonly id: string;
  readonly value: Uint8Array;
}

const BATCH_ROWS = 200;
/** While somebody still writes with the previous key a pass always finds something. */
const MAX_PASSES = 5;

/**
 * Encrypts with the current key what another one encrypted, while services run. A value that a service changes in
 * between is left to it: a row is replaced only while it holds the very bytes that were read. Can be stopped at any
 * moment and started again: what is done already is not found any more. Rows that cannot be read are counted and left.
 *
 * Services write with the current key only once they run with it: start them with both keys first.
 */
export async function rotateKey(
  db: SqlDatabase,
  keyring: Keyring,
  options: RotationOptions = {},
): Promise<RotationReport> {
  let rewritten = 0;
  for (let pass = 1; ; pass += 1) {
    const round = new RotationPass(db, keyring, {
      ...options,
      onProgress: (count) => options.onProgress?.(rewritten + count),
    });
    const stale = await round.run();
    rewritten += round.rewritten;
    const complete = !round.stopped && stale === 0;
    if (complete || round.stopped || pass === MAX_PASSES) {
      return { rewritten, unreadable: round.unreadable(), complete };
    }
  }
}

class RotationPass {
  rewritten = 0;
  readonly #db: SqlDatabase;
  readonly #keyring: Keyring;
  readonly #options: RotationOptions;
  readonly #unreadable = new Map<string, UnreadableValues>();

  constructor(db: SqlDatabase, keyring: Keyring, options: RotationOptions) {
    this.#db = db;
    this.#keyring = keyring;
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  unreadable(): UnreadableValues[] {
    return [...this.#unreadable.values()];
  }

  /** Answers how many readable values it found under another key: 0 when there is nothing left to do. */
  async run(): Promise<number> {
    const companies = await this.#db.query<{ id: CompanyId }>(
      `SELECT company_id AS id FROM whatsapp_auth WHERE substr(creds, 1, $2::int) <> $1::bytea
       UNION SELECT company_id FROM whatsapp_keys WHERE substr(value, 1, $2::int) <> $1::bytea
       ORDER BY id`,
      this.#header(),
    );
    let stale = 0;
    for (const { id } of companies) {
      stale += await this.#rotateCreds(id);
      stale += await this.#rotateKeys(id);
    }
    return stale;
  }

  async #rotateCreds(companyId: CompanyId): Promise<number> {
    if (this.stopped) return 0;
    const found = await this.#db.query<StoredValue>(
      `SELECT '' AS type, '' AS id, creds AS value FROM whatsapp_auth
        WHERE substr(creds, 1, $2::int) <> $1::bytea AND company_id = $3`,
      [...this.#header(), companyId],
    );
    return this.#rewrite(
      companyId,
      found,
      () => credsAddress(companyId),
      `UPDATE whatsapp_auth AS stored SET creds = entry.new FROM entry
             WHERE stored.company_id = $1 AND stored.creds = entry.old RETURNING 1`,
    );
  }

  async #rotateKeys(companyId: CompanyId): Promise<number> {
    const { batchRows = BATCH_ROWS } = this.#options;
    let stale = 0;
    let after = { type: '', id: '' };
    while (!this.stopped) {
      const found = await this.#db.query<StoredValue>(
        `SELECT type, id, value FROM whatsapp_keys
          WHERE substr(value, 1, $2::int) <> $1::bytea AND company_id = $3 AND (type, id) > ($4, $5)
          ORDER BY type, id LIMIT $6::int`,
        [...this.#header(), companyId, after.type, after.id, batchRows],
      );
      const last = found.at(-1);
      if (!last) break;
      after = last;
      stale += await this.#rewrite(
        companyId,
        found,
        ({ type, id }) => keyAddress(companyId, type, id),
        `UPDATE whatsapp_keys AS stored SET value = entry.new FROM entry
               WHERE stored.company_id = $1 AND stored.type = entry.type AND stored.id = entry.id
                 AND stored.value = entry.old RETURNING 1`,
      );
    }
    return stale;
  }

  /**
   * One statement that first takes the lock of the company's session row, as every write of its owner does: the two
   * take turns and cannot deadlock. Answers how many of the values could be read.
   */
  async #rewrite(
    companyId: CompanyId,
    found: readonly StoredValue[],
    addressOf: (value: StoredValue) => ValueAddress,
    update: string,
  ): Promise<number> {
    const entries = found.flatMap((stored) => {
      const text = this.#open(stored, addressOf(stored));
      return text === undefined ? [] : [{ ...stored, renewed: this.#keyring.encrypt(text, addressOf(stored)) }];
    });
    if (entries.length === 0) return 0;
    const rows = await this.#db.query(
      `WITH turn AS MATERIALIZED (
         SELECT company_id FROM whatsapp_sessions WHERE company_id = $1 FOR NO KEY UPDATE
       ), entry AS MATERIALIZED (
         SELECT entry.* FROM (SELECT count(*) FROM turn) AS taken,
                unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) AS entry (type, id, old, new)
       ) ${update}`,
      [
        companyId,
        entries.map(({ type }) => type),
        entries.map(({ id }) => id),
        entries.map(({ value }) => value),
        entries.map(({ renewed }) => renewed),
      ],
    );
    this.rewritten += rows.length;
    this.#options.onProgress?.(this.rewritten);
    return entries.length;
  }

  #open({ value }: StoredValue, address: ValueAddress): string | undefined {
    try {
      return this.#keyring.decrypt(value, address);
    } catch (error) {
      if (!(error instanceof CredentialsUnreadableError)) throw error;
      const { table, companyId } = address;
      const group = `${table} ${companyId} ${error.reason}`;
      const rows = (this.#unreadable.get(group)?.rows ?? 0) + 1;
      this.#unreadable.set(group, { table, companyId, reason: error.reason, rows });
      return undefined;
    }
  }

  #header(): SqlValue[] {
    const header = this.#keyring.currentHeader;
    return [header, header.length];
  }
}

import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { SqlQueries } from './database.ts';
import { credsAddress, keyAddress, type Keyring } from './encryption.ts';
import { LegacyFindings } from './legacy-findings.ts';
import type { LegacyTables } from './legacy-tables.ts';
import { chooseCreds, chooseKey, toCompanyId, toJsonText, toKeyName, type KeyCandidate } from './legacy-values.ts';

/** What an import did, in rows; nothing of it says anything about anybody. */
export interface LegacyImport {
  /** Companies with credentials, each now under its one canonical id. */
  readonly companies: number;
  /** Those among them whose credentials belong to an account. */
  readonly registered: number;
  /** Those that had stood under both of their ids. */
  readonly unified: number;
  readonly keys: number;
  /** Keys of companies without credentials, which nothing can use: only the backup has them. */
  readonly keysWithoutCredentials: number;
  /** The tables that hold everything as it was. */
  readonly backups: readonly string[];
}

interface AuthRow {
  readonly form: string | null;
  readonly creds: string | null;
  readonly updated: string | null;
}

interface KeyRow {
  readonly form: string | null;
  readonly type: string | null;
  readonly id: string | null;
  readonly value: string | null;
  readonly updated: string | null;
}

interface EncryptedKey {
  readonly type: string;
  readonly id: string;
  readonly value: Buffer;
}

const FETCH_ROWS = 500;
const INSERT_ROWS = 2000;

/**
 * Copies the rows that were set aside into the new tables, which are empty: both ids of a company become one, its
 * registered credentials win, its keys merge, everything is encrypted. Memory holds one company at a time.
 * @throws LegacyRowsError with everything that was found when a row cannot be placed without a doubt.
 */
export async function importLegacyRows(tx: SqlQueries, keyring: Keyring, tables: LegacyTables): Promise<LegacyImport> {
  const run = new ImportRun(tx, keyring, tables);
  await run.importCreds();
  await run.importKeys();
  await run.checkLeftovers();
  run.findings.throwIfAny();
  return run.result();
}

class ImportRun {
  readonly findings = new LegacyFindings();
  readonly #tx: SqlQueries;
  readonly #keyring: Keyring;
  readonly #tables: LegacyTables;
  /** The id under which the chosen credentials of a company were stored. */
  readonly #formOf = new Map<CompanyId, string>();
  /** Companies with a row, whatever became of it. */
  readonly #seen = new Set<CompanyId>();
  readonly #counts = { registered: 0, unified: 0, keys: 0, keysWithoutCredentials: 0 };

  constructor(tx: SqlQueries, keyring: Keyring, tables: LegacyTables) {
    this.#tx = tx;
    this.#keyring = keyring;
    this.#tables = tables;
  }

  result(): LegacyImport {
    const { auth, keys } = this.#tables;
    return { companies: this.#formOf.size, ...this.#counts, backups: [auth.table, keys.table] };
  }

  async importCreds(): Promise<void> {
    const { table, updated } = this.#tables.auth;
    const select = `SELECT company_id::text AS form, creds::text AS creds, ${updated}::text AS updated FROM ${table}`;
    for await (const [companyId, rows] of this.#groups<AuthRow>(select, updated)) {
      this.#seen.add(companyId);
      const candidates = rows.flatMap(({ form, creds, updated: at }) => {
        const json = creds === null ? undefined : toJsonText(creds);
        if (json !== undefined && isObject(json)) return [{ form: form ?? '', json, updated: at }];
        this.findings.add('creds-json', form);
        return [];
      });
      if (candidates.length === 0) continue;
      const choice = chooseCreds(candidates);
      if ('problem' in choice) {
        this.findings.add(choice.problem, companyId);
        continue;
      }
      this.#formOf.set(companyId, choice.chosen.form);
      if (choice.registered) this.#counts.registered += 1;
      if (new Set(rows.map(({ form }) => form)).size > 1) this.#counts.unified += 1;
      await this.#insertCreds(companyId, choice.chosen.json);
    }
  }

  async importKeys(): Promise<void> {
    const { table, updated, type, id } = this.#tables.keys;
    const columns = `company_id::text AS form, ${type} AS type, ${id} AS id, value::text AS value`;
    const select = `SELECT ${columns}, ${updated}::text AS updated FROM ${table}`;
    for await (const [companyId, rows] of this.#groups<KeyRow>(select, updated)) {
      const credsForm = this.#formOf.get(companyId);
      if (credsForm !== undefined) await this.#insertKeys(companyId, this.#mergeKeys(companyId, rows, credsForm));
      // Those of a company whose credentials are a finding are not without credentials.
      else if (!this.#seen.has(companyId)) this.#counts.keysWithoutCredentials += rows.length;
    }
  }

  /** What was read must be in the tables, and each company once. */
  async checkLeftovers(): Promise<void> {
    const { auth } = this.#tables;
    const [rows] = await this.#tx.query<{ creds: number; keys: number; left: number }>(
      `SELECT (SELECT count(*)::int FROM whatsapp_auth) AS creds, (SELECT count(*)::int FROM whatsapp_keys) AS keys,
              (SELECT count(*)::int FROM ${auth.table} AS legacy WHERE NOT EXISTS (
                 SELECT FROM whatsapp_auth AS auth
                  WHERE auth.company_id = 'company_' || regexp_replace(legacy.company_id::text, '^company_', '')
               )) AS left`,
    );
    const expected = this.#formOf.size;
    const left = Math.max(
      rows?.left ?? 0,
      Math.abs((rows?.creds ?? 0) - expected),
      Math.abs((rows?.keys ?? 0) - this.#counts.keys),
    );
    // With other findings rows were skipped on purpose.
    if (left > 0 && !this.findings.any) this.findings.add('leftover', null, left);
  }

  #mergeKeys(companyId: CompanyId, rows: readonly KeyRow[], credsForm: string): EncryptedKey[] {
    const named = new Map<string, { type: string; id: string; candidates: KeyCandidate[] }>();
    for (const row of rows) {
      // A deleted key: nothing is stored under its name.
      if (row.value === null || row.value === 'null') continue;
      const name = toKeyName(row.type, row.id);
      const json = toJsonText(row.value);
      if (!name) this.findings.add('key-name', row.form);
      if (json === undefined) this.findings.add('value-json', row.form);
      if (!name || json === undefined) continue;
      const key = JSON.stringify([name.type, name.id]);
      const known = named.get(key) ?? { ...name, candidates: [] };
      known.candidates.push({ form: row.form ?? '', json, updated: row.updated });
      named.set(key, known);
    }
    return [...named.values()].flatMap(({ type, id, candidates }) => {
      const chosen = chooseKey(candidates, credsForm);
      if (chosen) return [{ type, id, value: this.#keyring.encrypt(chosen.json, keyAddress(companyId, type, id)) }];
      this.findings.add('duplicate-key', companyId);
      return [];
    });
  }

  async #insertCreds(companyId: CompanyId, json: string): Promise<void> {
    await this.#tx.query('INSERT INTO whatsapp_sessions (company_id, epoch) VALUES ($1, 1)', [companyId]);
    await this.#tx.query('INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2::bytea)', [
      companyId,
      this.#keyring.encrypt(json, credsAddress(companyId)),
    ]);
  }

  async #insertKeys(companyId: CompanyId, keys: readonly EncryptedKey[]): Promise<void> {
    for (let from = 0; from < keys.length; from += INSERT_ROWS) {
      const batch = keys.slice(from, from + INSERT_ROWS);
      await this.#tx.query(
        `INSERT INTO whatsapp_keys (company_id, type, id, value)
         SELECT $1, entry.type, entry.id, entry.value
           FROM unnest($2::text[], $3::text[], $4::bytea[]) AS entry (type, id, value)`,
        [companyId, batch.map(({ type }) => type), batch.map(({ id }) => id), batch.map(({ value }) => value)],
      );
    }
    this.#counts.keys += keys.length;
  }

  /** The rows of one company after the other, both of its ids together, newest first and the canonical id before the other. */
  async *#groups<Row extends { readonly form: string | null }>(
    select: string,
    updated: string,
  ): AsyncGenerator<[CompanyId, Row[]]> {
    const order = `regexp_replace(company_id::text, '^company_', '') COLLATE "C"`;
    await this.#tx.query(
      `DECLARE legacy NO SCROLL CURSOR FOR ${select}
        ORDER BY ${order}, ${updated} DESC NULLS LAST, company_id::text COLLATE "C" DESC`,
    );
    let group: [CompanyId, Row[]] | undefined;
    for (let rows = await this.#fetch<Row>(); rows.length > 0; rows = await this.#fetch<Row>()) {
      for (const row of rows) {
        const companyId = toCompanyId(row.form);
        if (!companyId) {
          this.findings.add('company-id', row.form);
        } else if (group?.[0] === companyId) {
          group[1].push(row);
        } else {
          if (group) yield group;
          group = [companyId, [row]];
        }
      }
    }
    if (group) yield group;
    await this.#tx.query('CLOSE legacy');
  }

  #fetch<Row extends object>(): Promise<readonly Row[]> {
    return this.#tx.query<Row>(`FETCH ${FETCH_ROWS} FROM legacy`);
  }
}

function isObject(json: string): boolean {
  const value: unknown = JSON.parse(json);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

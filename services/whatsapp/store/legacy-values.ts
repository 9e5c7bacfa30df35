import { CompanyIdError, parseCompanyId, type CompanyId } from '../../../shared/contract/company-id.ts';

/** What a row of the earlier product can be refused for. */
export const LEGACY_PROBLEMS = {
  'company-id': 'rows whose company id is none',
  'creds-json': 'credentials that are no JSON object',
  'value-json': 'keys whose value is no JSON',
  'key-name': 'keys whose name is no type and id',
  'two-accounts': 'companies linked to two accounts under its two ids',
  'duplicate-creds': 'companies with two different credentials of the same account and time',
  'duplicate-key': 'keys stored twice with different values of the same time',
  leftover: 'rows that have no place in the new tables',
} as const;
export type LegacyProblem = keyof typeof LEGACY_PROBLEMS;

/** The types of Signal keys that Baileys has, the longer of two with a common beginning first. */
const KEY_TYPES = [
  'pre-key',
  'session',
  'sender-key-memory',
  'sender-key',
  'app-state-sync-key',
  'app-state-sync-version',
  'lid-mapping',
  'device-list',
  'tctoken',
  'identity-key',
] as const;

/** The canonical id of a legacy row, or `undefined`. */
export function toCompanyId(legacyId: string | null): CompanyId | undefined {
  try {
    return parseCompanyId(legacyId);
  } catch (error) {
    if (error instanceof CompanyIdError) return undefined;
    throw error;
  }
}

/**
 * The JSON text as the new tables hold it. A value that was encoded twice, which JSON columns invite to, is decoded once.
 * `undefined` when it is no JSON.
 */
export function toJsonText(stored: string): string | undefined {
  const value = parse(stored);
  if (typeof value !== 'string' || !/^[[{"]/.test(value)) return value === undefined ? undefined : stored;
  return parse(value) === undefined ? stored : value;
}

/** One row of credentials under one of the company's ids. */
export interface CredsCandidate {
  /** The id as it was stored. */
  readonly form: string;
  readonly json: string;
  readonly updated: string | null;
}

export type CredsChoice =
  | { readonly chosen: CredsCandidate; readonly registered: boolean }
  | { readonly problem: Extract<LegacyProblem, 'two-accounts' | 'duplicate-creds'> };

/**
 * The credentials that a company keeps: registered ones before half-made ones, then the newest. `candidates` are the
 * company's rows, newest first, at least one.
 */
export function chooseCreds(candidates: readonly CredsCandidate[]): CredsChoice {
  const ranked = candidates.map((candidate) => ({ candidate, ...judge(candidate.json) }));
  const best = ranked.reduce((a, b) => (b.rank > a.rank ? b : a));
  const rivals = ranked.filter((other) => other !== best && other.rank === best.rank && best.rank > 0);
  if (rivals.some(({ account }) => account !== best.account)) return { problem: 'two-accounts' };
  const { updated, json } = best.candidate;
  if (rivals.some(({ candidate }) => candidate.updated === updated && candidate.json !== json)) {
    return { problem: 'duplicate-creds' };
  }
  return { chosen: best.candidate, registered: best.rank > 0 };
}

/** `account` is there once WhatsApp signed the device; `me` alone only says that a pairing was begun. */
function judge(json: string): { readonly rank: 0 | 1 | 2; readonly account: string | undefined } {
  const creds = parse(json) as { account?: unknown; registered?: unknown; me?: { id?: unknown } };
  const rank = creds.account ? 2 : creds.registered === true ? 1 : 0;
  const id = creds.me?.id;
  return { rank, account: typeof id === 'string' ? id.split(/[:@]/)[0] : undefined };
}

export interface KeyCandidate {
  readonly form: string;
  readonly json: string;
  readonly updated: string | null;
}

/**
 * The value that a key keeps: the one stored beside the chosen credentials before that of the other id, then the newest.
 * `candidates` are newest first, at least one; `undefined` when two of equal right differ.
 */
export function chooseKey(candidates: readonly KeyCandidate[], credsForm: string): KeyCandidate | undefined {
  const own = candidates.filter(({ form }) => form === credsForm);
  const [best, ...others] = own.length > 0 ? own : candidates;
  if (!best) return undefined;
  const tie = others.some(({ updated, json }) => updated === best.updated && json !== best.json);
  return tie ? undefined : best;
}

/** Type and id of a key; one column holds both as `<type>-<id>` or `<type>:<id>`. */
export function toKeyName(type: string | null, id: string | null): { type: string; id: string } | undefined {
  if (id === null || id === '') return undefined;
  if (type !== null) return type === '' ? undefined : { type, id };
  const found = KEY_TYPES.find((known) => id.startsWith(known) && /^[-:]./s.test(id.slice(known.length)));
  return found && { type: found, id: id.slice(found.length + 1) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

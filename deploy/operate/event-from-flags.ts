import { parseArgs } from 'node:util';
import { parseCompanyId, reservedRangeOf, type CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import { EVENT_SCHEMAS } from '../../shared/contract/events.ts';
import { parsePhoneNumber } from '../../shared/contract/phone-number.ts';
import { UsageError } from './usage-error.ts';

const FLAGS = {
  company: { type: 'string' },
  phone: { type: 'string' },
  lid: { type: 'string' },
  name: { type: 'string' },
  reason: { type: 'string' },
  'will-retry': { type: 'boolean' },
  'retry-at': { type: 'string' },
  qr: { type: 'string' },
  code: { type: 'string' },
  ttl: { type: 'string' },
  'error-code': { type: 'string' },
  'error-message': { type: 'string' },
} as const;

type Flags = ReturnType<typeof parseFlags>['values'];

/** An event to be published by hand. */
export interface HandmadeEvent {
  readonly companyId: CompanyId;
  readonly type: string;
  readonly body: Uint8Array;
}

/**
 * The event that a command line describes, with the legacy fields first and nothing that only an owner may set: no id,
 * no position.
 * @param nowMs becomes `timestamp`
 * @throws UsageError when the schema does not take it, CompanyIdError, or what `parseArgs` throws.
 */
export function toHandmadeEvent(args: readonly string[], nowMs: number): HandmadeEvent {
  const { values, positionals } = parseFlags(args);
  const [type, ...more] = positionals;
  if (type === undefined)
    throw new UsageError(`the type of the event is missing: ${Object.keys(EVENT_SCHEMAS).join(', ')}`);
  if (more.length > 0) throw new UsageError(`one event at a time: ${more.join(' ')}`);
  if (values.company === undefined) throw new UsageError('--company is missing');
  const companyId = parseCompanyId(values.company);
  const body = new TextEncoder().encode(JSON.stringify(toEvent(type, companyId, { flags: values, nowMs })));
  const decoded = decodeEvent(companyId, body);
  if (!decoded.ok) throw new UsageError(`not a valid event (${decoded.reason}): ${decoded.detail}`);
  return { companyId, type, body };
}

function parseFlags(args: readonly string[]) {
  return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
}

function toEvent(
  type: string,
  companyId: CompanyId,
  { flags, nowMs }: { readonly flags: Flags; readonly nowMs: number },
) {
  const ttlMs = Math.round(toNumber('--ttl', flags.ttl ?? '60') * 1000);
  const expiry = { expiresAt: nowMs + ttlMs, ttlMs };
  // What is no phone number goes on as it is: the schema refuses it by name.
  const phoneNumber = parsePhoneNumber(flags.phone) ?? flags.phone;
  return {
    type,
    companyId,
    ...(phoneNumber !== undefined && { phoneNumber }),
    timestamp: nowMs,
    ...(reservedRangeOf(companyId) && { synthetic: true }),
    ...(flags.lid !== undefined && { lid: flags.lid }),
    ...(flags.name !== undefined && { name: flags.name }),
    ...(flags.reason !== undefined && { reason: flags.reason }),
    ...(flags['will-retry'] !== undefined && { willRetry: flags['will-retry'] }),
    ...(flags['retry-at'] !== undefined && { retryAt: toMillis(flags['retry-at']) }),
    ...(flags.qr !== undefined && { qr: { text: flags.qr, ...expiry } }),
    ...(flags.code !== undefined && { code: { text: flags.code, phoneNumber: phoneNumber ?? '', ...expiry } }),
    ...(type === 'pairing-code-error' && toError(flags)),
  };
}

function toError({ 'error-code': code, 'error-message': message }: Flags): object {
  return { error: { code: code ?? 'BY_HAND', message: message ?? 'published by hand' } };
}

function toNumber(flag: string, text: string): number {
  const value = Number(text);
  if (/^[0-9]+(\.[0-9]+)?$/.test(text) && value > 0) return value;
  throw new UsageError(`${flag} must be a positive number, got ${JSON.stringify(text)}`);
}

function toMillis(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value))
    throw new UsageError(`--retry-at must be a time such as 2030-01-31T12:00:00Z, got ${JSON.stringify(text)}`);
  return value;
}

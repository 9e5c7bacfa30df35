import { parseArgs } from 'node:util';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { parsePhoneNumber } from '../../shared/contract/phone-number.ts';
import { UsageError } from './usage-error.ts';

/** What is asked of the simulator's HTTP API. */
export interface ScenarioRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly body?: object;
}

/**
 * The command line as a request: no name lists, `clear` ends everything, any other name is selected.
 * @throws UsageError, CompanyIdError
 */
export function toScenarioRequest(args: readonly string[], port: string): ScenarioRequest {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      company: { type: 'string' },
      phone: { type: 'string' },
      set: { type: 'string', multiple: true },
      times: { type: 'string' },
      simulator: { type: 'string' },
    },
  });
  const url = toUrl(values.simulator ?? `http://127.0.0.1:${port}`);
  const [name, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`one scenario at a time: ${name}, not ${others.join(', ')} too`);
  if (name === undefined) return { url, method: 'GET' };
  if (name === 'clear') return { url, method: 'DELETE' };
  const params = Object.fromEntries((values.set ?? []).map(toParam));
  const times = values.times === undefined ? {} : { times: toTimes(values.times) };
  return { url, method: 'POST', body: { ...toScope(values), name, params, ...times } };
}

function toScope({ company, phone }: { company?: string; phone?: string }): object {
  if (company !== undefined && phone !== undefined) throw new UsageError('either --company or --phone');
  if (company !== undefined) return { company: parseCompanyId(company) };
  if (phone === undefined) return { default: true };
  const phoneNumber = parsePhoneNumber(phone);
  if (phoneNumber === undefined) throw new UsageError('--phone must be 10 to 15 digits');
  return { phone: phoneNumber };
}

function toParam(text: string): [string, string] {
  const [, key, value] = /^([A-Za-z]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new UsageError(`--set must be name=value, not ${text}`);
  return [key, value];
}

function toTimes(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new UsageError('--times must be a whole number from 1');
  return Number(text);
}

function toUrl(text: string): URL {
  if (!URL.canParse('/scenarios', text)) throw new UsageError(`--simulator must be a URL, not ${text}`);
  return new URL('/scenarios', text);
}

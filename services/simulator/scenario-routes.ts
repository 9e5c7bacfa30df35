import type Router from '@koa/router';
import { CompanyIdError, parseCompanyId } from '../../shared/contract/company-id.ts';
import { HttpError } from '../../shared/http/http-error.ts';
import { bodyOf, optional } from './request-body.ts';
import type { ScenarioDesk, Scope } from './scenario-desk.ts';
import { ScenarioError } from './scenario-error.ts';
import { SCENARIOS } from './scenarios.ts';

const TABLE = SCENARIOS.map(({ name, client, knobs }) => ({ name, client, knobs }));

/** What is told of the scenarios over HTTP; see the table of `createApp`. */
export function addScenarioRoutes(router: Router, scenarios: ScenarioDesk): void {
  router.get('/scenarios', (ctx) => {
    ctx.body = { scenarios: TABLE, selections: scenarios.list() };
  });
  router.post('/scenarios', (ctx) => {
    const body = bodyOf(ctx.request.body);
    const name = optional(body, 'name', 'string');
    if (name === undefined) throw new HttpError(400, 'BAD_BODY', 'name is missing');
    const times = optional(body, 'times', 'number');
    if (times !== undefined && !(Number.isInteger(times) && times >= 1)) {
      throw new HttpError(400, 'BAD_BODY', 'times must be a whole number from 1');
    }
    scenarios.select({ scope: toScope(body), name, params: bodyOf(body['params']), times });
    ctx.body = { selections: scenarios.list() };
  });
  router.delete('/scenarios', (ctx) => {
    scenarios.clear();
    ctx.body = { selections: [] };
  });
}

function toScope(body: Readonly<Record<string, unknown>>): Scope {
  const { company, phone, default: isDefault } = body;
  const given = [company, phone, isDefault].filter((value) => value !== undefined);
  if (given.length !== 1) throw invalid('exactly one of company, phone and default is needed');
  if (company !== undefined) return { company: toCompanyId(company) };
  if (isDefault === true) return { default: true };
  if (typeof phone === 'string' && /^[1-9][0-9]{9,14}$/.test(phone)) return { phone };
  throw invalid('phone must be 10 to 15 digits, default must be true');
}

function toCompanyId(company: unknown): string {
  try {
    return parseCompanyId(company);
  } catch (error) {
    if (error instanceof CompanyIdError) throw invalid(error.message);
    throw error;
  }
}

function invalid(message: string): ScenarioError {
  return new ScenarioError('SCENARIO_SCOPE_INVALID', message);
}

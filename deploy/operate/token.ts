/** `npm run token`: a development token, alone on standard output. */
import { parseArgs } from 'node:util';
import { readEnv } from '../../shared/config/env.ts';
import { signToken } from '../../shared/http/sign-token.ts';
import { readJwtSecret } from '../local/jwt-secret.ts';
import { runCommand } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Prints a token that the socket service on this machine accepts.

  npm run --silent token -- --salon 962302

  --salon ID         the salon whose page it opens
  --company-id ID    the marketplace's internal id (default: the salon id)
  --hours N          how long it is valid (default 24)

Signed with JWT_SECRET, else with the secret that npm start has made in DATA_DIR (default .data); JWT_ISSUER and
JWT_AUDIENCE become its claims when set.
`;

const MAX_HOURS = 24 * 365;

await runCommand(HELP, async (args) => {
  const { values } = parseArgs({
    args: [...args],
    options: { salon: { type: 'string' }, 'company-id': { type: 'string' }, hours: { type: 'string' } },
  });
  if (values.salon === undefined) throw new UsageError('--salon is missing');
  const hours = Number(values.hours ?? '24');
  if (!(hours > 0 && hours <= MAX_HOURS)) throw new UsageError(`--hours must be a number up to ${MAX_HOURS}`);
  const env = readEnv([
    { name: 'JWT_SECRET', help: '', secret: true },
    { name: 'JWT_ISSUER', help: '' },
    { name: 'JWT_AUDIENCE', help: '' },
    { name: 'DATA_DIR', help: '' },
  ]);
  const token = await signToken({
    secret: await readJwtSecret(env),
    salonId: values.salon,
    companyId: values['company-id'],
    hours,
    issuer: env.JWT_ISSUER,
    audience: env.JWT_AUDIENCE,
  });
  process.stdout.write(`${token}\n`);
});

/** `npm run scenario`: makes the simulated WhatsApp misbehave, for everybody, a company or a phone. */
import { readEnv } from '../../shared/config/env.ts';
import { runCommand } from './run-command.ts';
import { toScenarioRequest, type ScenarioRequest } from './scenario-request.ts';

const HELP = `Lists the simulator's scenarios, or selects one.

  npm run scenario                                        the table, and what is selected
  npm run scenario -- closed --company 962302 --set afterMs=500 --times 1
  npm run scenario -- forbidden --phone 79990000001
  npm run scenario -- refused --set status=503            for everybody
  npm run scenario -- normal --company 962302             ends what was selected for the company
  npm run scenario -- clear                               ends everything

  --company ID       salon id or company_<salon id>
  --phone NUMBER     a simulated phone; punctuation is dropped
  --set NAME=VALUE   a knob of the scenario; may be repeated
  --times N          serve N connections that it makes a difference to (default: until ended)
  --simulator URL    default http://127.0.0.1:SIMULATOR_PORT, 3004

Exit code: 0 done, 1 refused or not reached, 2 wrong command line.
`;

/** The simulator refused, or is not there. */
class ScenarioCommandError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ScenarioCommandError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return this.code === 'SIMULATOR_UNREACHABLE';
  }
}

interface Answer {
  readonly scenarios?: readonly { readonly name: string; readonly client: string; readonly knobs: object }[];
  readonly selections?: readonly { readonly scope: object; readonly name: string; readonly params: object }[];
  readonly error?: { readonly code: string; readonly message: string };
}

async function ask({ url, method, body }: ScenarioRequest, signal: AbortSignal): Promise<Answer> {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(url, { method, signal, ...json });
  } catch (cause) {
    throw new ScenarioCommandError('SIMULATOR_UNREACHABLE', `no simulator answers at ${url.origin}`, { cause });
  }
  const answer = (await response.json().catch(() => ({}))) as Answer;
  if (response.ok) return answer;
  const { code, message } = answer.error ?? { code: `HTTP_${response.status}`, message: 'the simulator refused' };
  throw new ScenarioCommandError(code, message);
}

function format({ scenarios = [], selections = [] }: Answer): string {
  const table = scenarios.map(({ name, client, knobs }) => {
    const names = Object.entries(knobs as Record<string, { fallback: unknown }>);
    const defaults = names.map(([knob, { fallback }]) => `${knob}=${String(fallback)}`).join(' ');
    return `${name.padEnd(22)}${client}${defaults === '' ? '' : `\n${' '.repeat(22)}--set ${defaults}`}\n`;
  });
  const selected = selections.map((selection) => `selected: ${JSON.stringify(selection)}\n`);
  return [...table, ...(selected.length > 0 ? selected : ['nothing is selected\n'])].join('');
}

await runCommand(HELP, async (args, signal) => {
  const env = readEnv([{ name: 'SIMULATOR_PORT', help: '' }]);
  const answer = await ask(toScenarioRequest(args, env.SIMULATOR_PORT ?? '3004'), signal);
  process.stdout.write(format(answer));
});

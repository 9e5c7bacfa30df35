/** `npm start`: the whole system on this machine. `--help` lists flags and variables. */
import { ConfigError } from '../../shared/config/config-faults.ts';
import { announce } from './announcement.ts';
import { ProcessFailedError } from './local-process.ts';
import { LocalSystem } from './local-system.ts';
import { isWarning, readLogLine } from './log-line.ts';
import { HELP, toLocalOptions, type LocalOptions } from './options.ts';
import { shownPath } from './shown-path.ts';
import { StopSignals } from './stop-signals.ts';

// A terminal that went away must not end this process before it has stopped the others.
process.stdout.on('error', () => undefined);

process.exitCode = await main();

async function main(): Promise<number> {
  let options: LocalOptions | undefined;
  try {
    options = toLocalOptions(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\nnpm start -- --help lists flags and variables\n`);
    return 1;
  }
  if (options) return await runSystem(options);
  process.stdout.write(HELP);
  return 0;
}

async function runSystem(options: LocalOptions): Promise<number> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  await using system = new LocalSystem(options, say);
  using signals = new StopSignals();
  try {
    await Promise.race([signals.first, startAndWait(system, say)]);
  } catch (error) {
    explain(error, options);
    return 1;
  }
  say('stopping');
  void signals.second.then(() => {
    say('killed');
    system.killAll();
  });
  await system.stop();
  return signals.count > 1 ? 1 : 0;
}

async function startAndWait(system: LocalSystem, say: (line: string) => void): Promise<never> {
  say(await announce(await system.start()));
  return await system.failed;
}

/** What a process said last is shown unless it was when it said so. */
function explain(error: unknown, { dataDir, verbose }: LocalOptions): void {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  if (!(error instanceof ProcessFailedError)) return;
  const unseen = verbose ? [] : error.lastLines.filter((raw) => !isWarning(readLogLine(raw)));
  for (const raw of unseen) process.stderr.write(`  ${toReadable(raw)}\n`);
  process.stderr.write(`logs are in ${shownPath(dataDir)}/logs\n`);
}

function toReadable(raw: string): string {
  const line = readLogLine(raw);
  return line.time === undefined ? raw : `${line.time}  ${line.level.padEnd(5)}  ${line.text}`;
}

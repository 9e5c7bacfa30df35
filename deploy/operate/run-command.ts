import { CompanyIdError } from '../../shared/contract/company-id.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs an operator's command and sets the exit code: 0 done, 1 failed, 2 wrong command line. An expected failure is one
 * line with its code on standard error. A reader of the output that goes away (`| head`) ends the command in order.
 */
export async function runCommand(
  help: string,
  command: (args: readonly string[], signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help);
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      stop.abort();
    });
  }
  try {
    await command(args, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    process.exitCode = explain(error);
  }
}

function explain(error: unknown): number {
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isUsage = error instanceof UsageError || error instanceof CompanyIdError || code?.startsWith('ERR_PARSE_ARGS');
  // Without a code it is a mistake of the program: the stack is what helps.
  if (code === undefined) throw error;
  process.stderr.write(`${code}: ${error.message}\n`);
  if (isUsage !== true) return 1;
  process.stderr.write('--help says how to use it\n');
  return 2;
}

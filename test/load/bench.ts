/** `npm run bench`: what the system costs, beside what it could cost. `--help` lists the benchmarks. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../deploy/operate/run-command.ts';
import { judgeComparison, renderComparisonResult, toJson } from './bench/comparison-text.ts';
import { compareVariants } from './bench/comparison.ts';
import { BENCH_HELP, parseBenchArgs } from './bench/options.ts';
import { measureSessions, renderSessions } from './bench/sessions.ts';
import { measureSockets, renderSockets } from './bench/sockets.ts';
import { judgeTelemetry, renderTelemetry } from './bench/telemetry-verdict.ts';
import { measureTelemetry } from './bench/telemetry.ts';
import { readEnvironment } from './report/environment.ts';

const FOLDER = 'test-results/bench';

await runCommand(BENCH_HELP, async (args, signal) => {
  const options = parseBenchArgs(args);
  const environment = readEnvironment();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const common = { signal, say };
  switch (options.benchmark) {
    case 'comparison': {
      const result = await compareVariants({ ...options, ...common });
      const verdict = judgeComparison(result);
      process.stdout.write(`\n${renderComparisonResult(result, verdict)}\n`);
      await keep('comparison', { environment, ...toJson(result, verdict) });
      if (verdict.voidReasons.length > 0) process.exitCode = 1;
      break;
    }
    case 'sessions': {
      const result = await measureSessions({ ...options, ...common });
      process.stdout.write(`\n${renderSessions(result)}\n`);
      await keep('sessions', { environment, ...result });
      break;
    }
    case 'sockets': {
      const result = await measureSockets({ ...options, ...common });
      process.stdout.write(`\n${renderSockets(result)}\n`);
      await keep('sockets', { environment, ...result });
      if (result.verdict.lost + result.verdict.duplicated + result.verdict.wrongRoom > 0) process.exitCode = 1;
      break;
    }
    case 'telemetry': {
      const cells = await measureTelemetry({ ...options, ...common });
      const verdict = judgeTelemetry(cells);
      process.stdout.write(`\n${renderTelemetry(cells, verdict)}\n`);
      if (signal.aborted) break;
      const { gateway, publisher } = cells;
      const shown = { gateway: Object.fromEntries(gateway), publisher: Object.fromEntries(publisher) };
      await keep('telemetry', { environment, ...verdict, ...shown });
      if (verdict.voidReasons.length > 0) process.exitCode = 1;
      break;
    }
  }
  const { node, cores, cpu, loadBefore, commit } = environment;
  process.stdout.write(`\nnode ${node}, ${cores} x ${cpu}, load before ${loadBefore.toFixed(2)}, ${commit}\n`);
});

async function keep(name: string, result: object): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

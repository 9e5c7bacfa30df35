/** `npm run load`: loads the path from published events to browsers and reports. `--help` lists the flags. */
import { mkdir, readFile } from 'node:fs/promises';
import { runCommand } from '../../deploy/operate/run-command.ts';
import { LOAD_HELP, parseLoadArgs, type LoadOptions } from './options.ts';
import { formatProgress } from './progress-line.ts';
import { toReport } from './report/build.ts';
import { parseReport, renderComparison, ReportError } from './report/compare.ts';
import { readEnvironment } from './report/environment.ts';
import { outcomeOf, renderText } from './report/text.ts';
import { writeReport } from './report/write.ts';
import { runThroughWhatsApp } from './run-through-whatsapp.ts';
import { runPublished } from './run.ts';
import { openTarget } from './system/open-target.ts';

/** Browsers that one process holds without its own work showing in the figures. */
const BROWSERS_PER_WORKER = 2000;

await runCommand(LOAD_HELP, async (args, signal) => {
  const command = parseLoadArgs(args, process.env['NATS_URL']);
  if (command.kind === 'compare') {
    const [before, after] = await Promise.all(
      command.files.map(async (file) => parseReport(file, await readReport(file))),
    );
    if (before && after) process.stdout.write(renderComparison(before, after));
    return;
  }
  await load(command.options, args, signal);
});

async function readReport(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ReportError(file, 'cannot be read', error);
  }
}

async function load(options: LoadOptions, args: readonly string[], signal: AbortSignal): Promise<void> {
  // What stops the report from being written is better known before the run.
  await mkdir(options.outDir, { recursive: true });
  const environment = readEnvironment();
  const say = (line: string) => process.stderr.write(line);
  say(options.replicas ? `driving ${options.replicas.join(', ')}\n` : 'starting a system of its own\n');
  await using target = await openTarget(options);
  const workers = options.workers ?? Math.ceil(options.sockets / BROWSERS_PER_WORKER);
  const onProgress = formatProgress(process.stderr);
  const request = { plan: options, target, workers, signal, onProgress };
  const measured =
    options.through === 'whatsapp'
      ? await runThroughWhatsApp({ ...request, whatsapp: target.whatsapp })
      : await runPublished(request);
  const command = ['npm run load --', ...args].join(' ');
  const report = toReport({ options, measured, environment, command, madeAt: new Date() });
  const files = await writeReport(options.outDir, report);
  process.stdout.write(`\n${renderText(report)}\n${files.join('\n')}\n`);
  if (outcomeOf(report).word !== 'PASSED') process.exitCode = 1;
}

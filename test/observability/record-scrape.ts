/** `node test/observability/record-scrape.ts`: records again what the alerts' tests are made of. */
import { writeFile } from 'node:fs/promises';
import { waitFor } from '../harness/wait-for.ts';
import { startObservedSystem } from './observed-system.ts';
import { RECORDED_SCRAPE, recordScrape } from './recorded-scrape.ts';
import { sweep } from './sweep.ts';

await using observed = await startObservedSystem();
// Once every query answers, every series is there. Those of an outage are not needed.
await waitFor(
  async () => (await sweep(observed.prometheus, observed.startedMs)).every(({ fault }) => fault === undefined),
  { what: 'all series', timeoutMs: 60_000 },
).catch((error: unknown) => process.stderr.write(`recording what is there: ${String(error)}\n`));
await writeFile(RECORDED_SCRAPE, await recordScrape(observed.prometheus));

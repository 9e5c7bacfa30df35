import { connect } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { TRACEPARENT } from '../../shared/contract/headers.ts';
import { eventsSubject } from '../../shared/contract/subjects.ts';
import { scanWith } from '../harness/phone.ts';
import { TestBrowser } from '../harness/socket-gateway.ts';
import { startSystem, type System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

const SALON = '962304';

let system: System;

beforeAll(async () => {
  // Unset, so that the sampler is the one that ships.
  system = await startSystem({ env: { OTEL_TRACES_SAMPLER: '' } });
});

afterAll(async () => {
  await system.stop();
});

/** The `traceparent` of the company's first connected event, as a plain subscriber of NATS reads it. */
async function traceparentOfConnect(): Promise<{ found: () => string | undefined; close: () => Promise<void> }> {
  const nats = await connect({ servers: system.natsUrl });
  const seen: string[] = [];
  nats.subscribe(eventsSubject(parseCompanyId(SALON)), {
    callback: (_error, message) => {
      const { type } = message.json() as { type: string };
      if (type === 'connected') seen.push(message.headers?.get(TRACEPARENT) ?? '');
    },
  });
  await nats.flush();
  return { found: () => seen[0], close: () => nats.close() };
}

test('a connect has one trace id in the NATS header, in the logs of both services and in an exemplar', async () => {
  const header = await traceparentOfConnect();
  using browser = new TestBrowser(system.socketUrl, { auth: { token: await system.token(SALON) } });
  const { qr } = await browser.got('qr-update');
  await scanWith(system.phoneUrl, '79990000001', String(qr));
  await browser.got('whatsapp-connected');

  const traceparent = await waitFor(header.found, { what: 'the connected event' });
  await header.close();
  expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const traceId = traceparent.split('-')[1] ?? '';

  for (const service of ['whatsapp', 'socket'] as const) {
    const line = await waitFor(
      async () => (await system.logEntries(service)).find((entry) => entry['trace_id'] === traceId),
      { what: `the trace id in the log of ${service}` },
    );
    expect(line).toMatchObject({ 'company.id': `company_${SALON}`, trace_flags: '01' });
  }

  const metrics = await (await fetch(`${system.socketUrl}/metrics`)).text();
  const exemplars = metrics
    .split('\n')
    .filter((line) => line.startsWith('whatsapp_connect_to_emit_duration_seconds_bucket{') && line.includes(traceId));
  expect(exemplars).toEqual([
    expect.stringMatching(
      new RegExp(`event="connected".*delivery="live".*# \\{trace_id="${traceId}",span_id="[0-9a-f]{16}"\\}`),
    ),
  ]);
});

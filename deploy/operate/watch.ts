/** `npm run watch`: one line for every session event on the bus, as it passes. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { ConnectionStatus } from '../../shared/bus/connection-status.ts';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { connectToNats, NATS_HELP, readNatsConfig } from './connect.ts';
import { formatEventView, isOfCompany, toEventView } from './event-line.ts';
import { runCommand } from './run-command.ts';

const HELP = `Shows every session event as it passes: time, age, type, state, company, epoch:seq, phone, reason, trace id.
QR and code texts are never shown, phone numbers are masked. Messages that services drop are marked INVALID.

  npm run watch
  npm run --silent watch -- --company 962302 --json

  --company ID    events of this company alone
  --json          one JSON object a line

It waits for NATS when there is none and says when the connection is lost. Ctrl-C ends it. ${NATS_HELP}`;

await runCommand(HELP, async (args, signal) => {
  const { values } = parseArgs({
    args: [...args],
    options: { company: { type: 'string' }, json: { type: 'boolean' } },
  });
  const companyId = values.company === undefined ? undefined : parseCompanyId(values.company);
  const observer = { onStatus: (status: ConnectionStatus) => tell(status) };
  await using bus = await connectToNats({ name: 'watch', signal, observer });
  const failed = Promise.withResolvers<never>();
  await using subscription = subscribeEvents(
    bus,
    (message) => {
      if (companyId !== undefined && !isOfCompany(message, companyId)) return;
      const view = toEventView(message, Date.now());
      process.stdout.write(`${values.json ? JSON.stringify(view) : formatEventView(view)}\n`);
    },
    failed.reject,
  );
  if (!subscription.active) return;
  await Promise.race([once(signal, 'abort'), failed.promise]);
});

/** On standard error, so that `--json` output stays JSON. */
function tell(status: ConnectionStatus): void {
  const line = describe(status);
  if (line !== undefined) process.stderr.write(`${line}\n`);
}

function describe(status: ConnectionStatus): string | undefined {
  switch (status.kind) {
    case 'waiting':
      return status.attempt === 1 ? `waiting for NATS at ${readNatsConfig().servers.join(', ')}` : undefined;
    case 'connected':
      return `watching ${status.server}`;
    case 'disconnected':
      return `connection to ${status.server} ${status.reason === 'stale' ? 'is dead' : 'lost'}; events until it is back are not shown`;
    case 'reconnected':
      return `watching ${status.server} again`;
    case 'slow-consumer':
      return 'reading too slowly: events are missing';
    case 'error':
      return `${status.code}: ${status.message}`;
    case 'reconnecting':
    case 'lame-duck':
    case 'servers-changed':
    case 'listener-failed':
    case 'closed':
      return undefined;
  }
}

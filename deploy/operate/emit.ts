/** `npm run emit`: publishes one session event by hand and waits until the stream has it. */
import { storeEvent } from '../../shared/bus/store-event.ts';
import { EVENT_SCHEMAS } from '../../shared/contract/events.ts';
import { eventsSubject } from '../../shared/contract/subjects.ts';
import { connectToNats, NATS_HELP } from './connect.ts';
import { toHandmadeEvent } from './event-from-flags.ts';
import { runCommand } from './run-command.ts';

const TIMEOUT_MS = 5000;

const HELP = `Publishes one event on whatsapp.events.<company>, as by hand: the page of that salon shows it at once.
Over a live session only connected stays there; whatever else differs from the truth its owner corrects a second later.

  npm run emit -- connected --company 962302 --phone 79990000001
  npm run emit -- logged-out --company company_962302 --reason unlinked

Types: ${Object.keys(EVENT_SCHEMAS).join(', ')}

  --company ID        salon id or company_<salon id>
  --phone NUMBER      phoneNumber; punctuation is dropped
  --lid DIGITS  --name TEXT
  --reason TEXT  --will-retry  --retry-at TIME     how a session ended
  --qr TEXT  --ttl SECONDS                         with type qr (default 60)
  --code ABCD1234 --phone NUMBER  --ttl SECONDS    with type pairing-code
  --error-code CODE  --error-message TEXT          with type pairing-code-error

Exit code: 0 stored, 1 not stored or unknown, 2 wrong command line. ${NATS_HELP}`;

await runCommand(HELP, async (args, signal) => {
  const { companyId, type, body } = toHandmadeEvent(args, Date.now());
  await using bus = await connectToNats({ name: 'emit', signal, timeoutMs: TIMEOUT_MS });
  const seq = await storeEvent(bus, companyId, body, TIMEOUT_MS);
  process.stdout.write(`stored ${type} on ${eventsSubject(companyId)} at stream sequence ${seq}\n`);
});

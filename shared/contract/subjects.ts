import { asCanonicalCompanyId, type CompanyId } from './company-id.ts';

/** Subject prefixes end in a dot; the token behind it is always a `CompanyId`, which holds no dot, blank or wildcard. */
const EVENTS_PREFIX = 'whatsapp.events.';
const MESSAGES_PREFIX = 'whatsapp.messages.';
const COMMANDS_PREFIX = 'whatsapp.commands.';

/** Every company's session events, as the gateways subscribe to them. */
export const EVENTS_WILDCARD = `${EVENTS_PREFIX}*`;
export const MESSAGES_WILDCARD = `${MESSAGES_PREFIX}*`;

/** Low-cardinality names of the subjects, for span names and metric labels. */
export const EVENTS_TEMPLATE = `${EVENTS_PREFIX}{companyId}`;
export const MESSAGES_TEMPLATE = `${MESSAGES_PREFIX}{companyId}`;
export const COMMANDS_TEMPLATE = `${COMMANDS_PREFIX}{companyId}`;

/** Queue group subject: whichever WhatsApp replica receives a command for a company without an owner takes it over. */
export const ASSIGN_SUBJECT = 'whatsapp.assign';
/** To all WhatsApp replicas: sessions were given up, or a replica has come. Whoever misses it looks within seconds. */
export const LEASES_SUBJECT = 'whatsapp.leases';
/** Queue group subject: answered by any WhatsApp replica; the round trip behind `/health/pubsub`. */
export const PING_SUBJECT = 'whatsapp.ping';
/** Queue group subject: answered with the receiver's clock, for the offset between two machines. */
export const CLOCK_SUBJECT = 'whatsapp.clock';

export const EVENTS_STREAM = 'WHATSAPP_EVENTS';
export const MESSAGES_STREAM = 'WHATSAPP_MESSAGES';

/** The largest event body in bytes; the stream refuses larger ones, gateways drop and count them. */
export const MAX_EVENT_BYTES = 64 * 1024;

export function eventsSubject(companyId: CompanyId): string {
  return EVENTS_PREFIX + companyId;
}

export function messagesSubject(companyId: CompanyId): string {
  return MESSAGES_PREFIX + companyId;
}

/** Only the owner of the company's session subscribes to it. */
export function commandsSubject(companyId: CompanyId): string {
  return COMMANDS_PREFIX + companyId;
}

/** The company of an events subject, or `undefined` when the token is not a canonical company id. */
export function companyIdOfEventsSubject(subject: string): CompanyId | undefined {
  if (!subject.startsWith(EVENTS_PREFIX)) return undefined;
  return asCanonicalCompanyId(subject.slice(EVENTS_PREFIX.length));
}

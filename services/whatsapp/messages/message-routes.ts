import { bodyParser } from '@koa/bodyparser';
import type Router from '@koa/router';
import { CompanyIdError, parseCompanyId, type CompanyId } from '../../../shared/contract/company-id.ts';
import { MAX_TEXT_LENGTH } from '../../../shared/contract/messages.ts';
import { parsePhoneNumber } from '../../../shared/contract/phone-number.ts';
import { HttpError } from '../../../shared/http/http-error.ts';
import type { RateLimit } from '../../../shared/http/rate-limit.ts';
import type { Instruments } from '../instruments.ts';
import { parseAddress, type Address } from '../session/address.ts';
import { NotOnWhatsAppError } from '../session/recipients.ts';
import { NotConnectedError, type Session } from '../session/session.ts';

export interface MessageRoutesOptions {
  readonly session: (companyId: CompanyId) => Session | undefined;
  /** The replica that holds the company instead of this one. */
  readonly owner: (companyId: CompanyId) => Promise<string | undefined>;
  readonly limit: RateLimit;
  readonly instruments: Instruments;
}

/** Room for the longest text in the longest UTF-8, and its JSON. */
const BODY_LIMIT = '512kb';

/** `POST /sessions/:companyId/messages {to, text}`: sends a text and answers WhatsApp's id for it, with 201. */
export function addMessageRoutes(router: Router, { session, owner, limit, instruments }: MessageRoutesOptions): void {
  const parseBody = bodyParser({ enableTypes: ['json'], jsonLimit: BODY_LIMIT, onError: refuseBody });
  router.post('/sessions/:companyId/messages', parseBody, async (ctx) => {
    const companyId = readCompanyId(ctx.params['companyId']);
    const { to, text } = readBody(ctx.request.body);
    const held = session(companyId);
    if (!held) throw await toNotHere(companyId, owner);
    const waitMs = limit.take(companyId);
    if (waitMs > 0) {
      ctx.set('retry-after', String(Math.ceil(waitMs / 1000)));
      throw new HttpError(429, 'RATE_LIMITED', 'the session has sent as much as it may for now');
    }
    ctx.body = { id: await send(held, { to, text }, instruments) };
    ctx.status = 201;
  });
}

async function send(
  session: Session,
  { to, text }: { readonly to: Address; readonly text: string },
  instruments: Instruments,
): Promise<string> {
  try {
    const id = await session.sendText(to, text);
    instruments.messageSent(session.companyId, id);
    return id;
  } catch (error) {
    if (error instanceof NotConnectedError) throw new HttpError(409, error.code, error.message);
    if (error instanceof NotOnWhatsAppError) throw new HttpError(404, error.code, error.message);
    instruments.messageNotSent(session.companyId, error);
    throw new HttpError(502, 'SEND_FAILED', 'WhatsApp did not take the message');
  }
}

async function toNotHere(companyId: CompanyId, owner: MessageRoutesOptions['owner']): Promise<HttpError> {
  const name = await owner(companyId);
  if (name !== undefined) return new HttpError(409, 'NOT_OWNER', `replica ${name} holds the session; ask there`);
  return new HttpError(404, 'NO_SESSION', `${companyId} has no session`);
}

function refuseBody(): never {
  throw new HttpError(400, 'BAD_BODY', `the body must be JSON of at most ${BODY_LIMIT}`);
}

function readCompanyId(input: string | undefined): CompanyId {
  try {
    return parseCompanyId(input);
  } catch (error) {
    if (error instanceof CompanyIdError) throw new HttpError(400, error.code, error.message);
    throw error;
  }
}

function readBody(body: unknown): { readonly to: Address; readonly text: string } {
  const { to, text } = (typeof body === 'object' && body !== null ? body : {}) as { to?: unknown; text?: unknown };
  if (typeof text !== 'string' || text.trim() === '')
    throw new HttpError(400, 'TEXT_REQUIRED', 'text must not be empty');
  if (text.length > MAX_TEXT_LENGTH) {
    throw new HttpError(413, 'TEXT_TOO_LONG', `a text has at most ${MAX_TEXT_LENGTH} characters`);
  }
  return { to: readRecipient(to), text };
}

/** A phone number in any punctuation, or a LID as `<digits>@lid`. */
function readRecipient(to: unknown): Address {
  const phoneNumber = parsePhoneNumber(to);
  if (phoneNumber !== undefined) return { user: phoneNumber, server: 's.whatsapp.net', device: 0 };
  const address = typeof to === 'string' ? parseAddress(to.trim()) : undefined;
  if (address?.server === 'lid' && address.device === 0) return address;
  throw new HttpError(400, 'RECIPIENT_INVALID', 'to must be a phone number of 10 to 15 digits, or <digits>@lid');
}

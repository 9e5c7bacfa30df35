import type Router from '@koa/router';
import { HttpError } from '../../shared/http/http-error.ts';
import type { PhoneDesk } from './people/phone-desk.ts';
import type { Content } from './post/message-content.ts';
import { bodyOf, optional } from './request-body.ts';

/** What people write and read on their phones; see the table of `createApp`. */
export function addMessageRoutes(router: Router, phones: PhoneDesk): void {
  router.get('/phones/:id/messages', (ctx) => {
    ctx.body = phones.messages(ctx.params['id'] ?? '');
  });
  router.post('/phones/:id/messages', async (ctx) => {
    const body = bodyOf(ctx.request.body);
    const to = optional(body, 'to', 'string');
    if (to === undefined) throw new HttpError(400, 'BAD_BODY', 'to is missing');
    const kind = optional(body, 'address', 'string') ?? 'lid';
    if (kind !== 'lid' && kind !== 'pn') throw new HttpError(400, 'BAD_BODY', 'address must be lid or pn');
    ctx.body = await phones.write(ctx.params['id'] ?? '', { to, content: toContent(body), kind });
    ctx.status = 201;
  });
  router.post('/phones/:id/messages/:messageId/read', (ctx) => {
    ctx.body = phones.markRead(ctx.params['id'] ?? '', ctx.params['messageId'] ?? '');
  });
}

function toContent(body: Readonly<Record<string, unknown>>): Content {
  const text = optional(body, 'text', 'string');
  if ((text === undefined) === (body['reaction'] === undefined)) {
    throw new HttpError(400, 'BAD_BODY', 'either text or reaction is needed');
  }
  if (text !== undefined) return { text };
  const reaction = bodyOf(body['reaction']);
  const messageId = optional(reaction, 'messageId', 'string');
  const emoji = optional(reaction, 'emoji', 'string');
  if (messageId !== undefined && emoji !== undefined) return { reaction: { messageId, emoji } };
  throw new HttpError(400, 'BAD_BODY', 'a reaction needs messageId and emoji');
}

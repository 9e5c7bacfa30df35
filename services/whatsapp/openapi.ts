import { Type } from 'typebox';
import { COMPANY_ID_PATTERN } from '../../shared/contract/company-id.ts';
import { MAX_TEXT_LENGTH } from '../../shared/contract/messages.ts';
import { SESSION_STATES } from '../../shared/contract/session-state.ts';

const Failure = Type.Object({ error: Type.Object({ code: Type.String(), message: Type.String() }) });

const Readiness = Type.Object({ ready: Type.Boolean(), checks: Type.Record(Type.String(), Type.String()) });

const Sessions = Type.Object({
  sessions: Type.Array(
    Type.Object({
      companyId: Type.String({ pattern: COMPANY_ID_PATTERN }),
      state: Type.Union(SESSION_STATES.map((state) => Type.Literal(state))),
      epoch: Type.Integer({ minimum: 1 }),
      since: Type.String({ format: 'date-time' }),
      phone: Type.Optional(Type.String({ description: 'masked' })),
    }),
  ),
});

const Message = Type.Object({
  to: Type.String({
    description: 'a phone number in any punctuation, or <digits>@lid',
    examples: ['+7 999 000-00-02'],
  }),
  text: Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH }),
});

const Sent = Type.Object({ id: Type.String({ description: "WhatsApp's id of the message" }) });

function json(description: string, schema: object) {
  return { description, content: { 'application/json': { schema } } };
}

function refusal(description: string) {
  return json(description, Failure);
}

/** The HTTP API of the service as OpenAPI 3.1, answered by `GET /openapi.json`. A test holds it to the routes. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'WhatsApp service', version: '1', license: { name: 'MIT', identifier: 'MIT' } },
  components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'WHATSAPP_API_KEY' } } },
  paths: {
    '/healthz': {
      get: { summary: 'Whether the process serves requests', responses: { 200: { description: 'it does' } } },
    },
    '/readyz': {
      get: {
        summary: 'Whether it can do its work',
        responses: { 200: json('ready', Readiness), 503: json('not ready; the checks say why', Readiness) },
      },
    },
    '/metrics': { get: { summary: 'OpenMetrics text', responses: { 200: { description: 'metrics' } } } },
    '/openapi.json': { get: { summary: 'This description', responses: { 200: { description: 'OpenAPI' } } } },
    '/sessions': {
      get: {
        summary: 'The sessions that this replica holds',
        security: [{ apiKey: [] }],
        responses: { 200: json('the sessions', Sessions), 401: refusal('UNAUTHORIZED') },
      },
    },
    '/sessions/{companyId}/messages': {
      post: {
        summary: 'Send a text',
        security: [{ apiKey: [] }],
        parameters: [{ name: 'companyId', in: 'path', required: true, schema: Type.String() }],
        requestBody: { required: true, content: { 'application/json': { schema: Message } } },
        responses: {
          201: json('on its way', Sent),
          400: refusal('COMPANY_ID_INVALID, TEXT_REQUIRED, RECIPIENT_INVALID, BAD_BODY'),
          401: refusal('UNAUTHORIZED'),
          403: refusal('API_KEY_UNSET: the service has no WHATSAPP_API_KEY, and nobody may send'),
          404: refusal('NO_SESSION, or NOT_ON_WHATSAPP: nobody has that phone number there'),
          409: refusal('NOT_CONNECTED, or NOT_OWNER: another replica holds the session'),
          413: refusal('TEXT_TOO_LONG'),
          429: refusal('RATE_LIMITED; Retry-After says when'),
          502: refusal('SEND_FAILED'),
        },
      },
    },
  },
} as const;

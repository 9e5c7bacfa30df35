import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import Koa from 'koa';
import { addHealthRoutes } from '../../shared/http/health.ts';
import { HttpError, errorMiddleware } from '../../shared/http/http-error.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { SimulatorInstruments } from './instruments.ts';
import { localAccess } from './local-access.ts';
import { addMessageRoutes } from './message-routes.ts';
import type { Page } from './page-assets.ts';
import type { Directory } from './people/directory.ts';
import type { PhoneDesk } from './people/phone-desk.ts';
import { PhoneError } from './people/phone-error.ts';
import { bodyOf, optional } from './request-body.ts';
import type { ScenarioDesk } from './scenario-desk.ts';
import { ScenarioError } from './scenario-error.ts';
import { addScenarioRoutes } from './scenario-routes.ts';
import type { Screens } from './screens.ts';

export interface RouteParts {
  readonly logger: Logger;
  readonly instruments: SimulatorInstruments;
  readonly directory: Directory;
  readonly phones: PhoneDesk;
  readonly scenarios: ScenarioDesk;
  readonly screens: Screens;
  readonly page: Page;
  /** It listens on this machine alone. */
  readonly localOnly: boolean;
  readonly rootKey: Buffer;
}

/**
 * The control API, JSON in and out. Refusals are `{error: {code, message}}` with a 4xx status.
 *
 * | request                             | body                                    | answer                                  |
 * |-------------------------------------|-----------------------------------------|-----------------------------------------|
 * | `GET /`, `/phone.js`, `/phone.css`  |                                         | the phone page                          |
 * | `GET /root-key`                     |                                         | text: base64 of the 32-byte root key    |
 * | `GET /phones`                       |                                         | `PhoneView[]`, each with its `devices`  |
 * | `POST /phones`                      | `{phoneNumber?, name?, lid?, business?}` | 201 `PhoneView`                         |
 * | `POST /phones/:id/scan`             | `{qr}`: the text of the QR              | `DeviceView`, when the link is complete |
 * | `POST /phones/:id/pairing-code`     | `{code}`: as a device shows it          | `DeviceView`, when the link is complete |
 * | `POST /phones/:id/unlink`           | `{device?}`: one index, else all        | `{unlinked: [jid]}`                     |
 * | `GET /phones/:id/messages`          |                                         | `MessageView[]`, oldest first           |
 * | `POST /phones/:id/messages`         | `{to, text}` or `{to, reaction: {messageId, emoji}}`, `address?` | 201 `MessageView` |
 * | `POST /phones/:id/messages/:messageId/read` |                                 | `MessageView`                           |
 * | `GET /devices`                      |                                         | `DeviceView[]`                          |
 * | `POST /devices/:jid/disconnect`     | `{how: 'close' \| 'cut'}`               | `{jid, how}`                            |
 * | `GET /screens`                      |                                         | `Screen[]`: what salons show now        |
 * | `GET /scenarios`                    |                                         | `{scenarios, selections}`               |
 * | `POST /scenarios`                   | `{company \| phone \| default: true, name, params?, times?}` | `{selections}`   |
 * | `DELETE /scenarios`                 |                                         | `{selections: []}`: all is normal again |
 * | `GET /rejections`                   |                                         | `{CODE: count}` of refused clients      |
 * | `GET /healthz`, `/readyz`           |                                         | liveness, readiness                     |
 *
 * `PhoneView` is `{id, phoneNumber, lid, name, business, devices, codeRequest?}` with `codeRequest` `{platform,
 * expiresAt}` while a device waits for its code, `DeviceView` is `{jid, lid, phone, device, platform, linkedAt, online}`
 * with `linkedAt` in ms since the epoch and `phone` the phone's id, `Screen` is `{companyId, expiresAt}` with `qr` or
 * `code: {text, phoneNumber}`, `MessageView` is `{id, direction: 'in' | 'out', peer, at, status?}` with `text` or `reaction`,
 * `status` `sent`, `delivered` or `read`; `address` is `lid` (default) or `pn`: which addresses the message names. Times are in ms since the epoch. The scenarios are those of `scenarios.ts`; the name
 * `normal` ends a selection. Requests of other web pages are refused with 403 `CROSS_SITE`, and with 421 `HOST_REFUSED` when
 * they come under a name that is not this machine's. Other codes of refusals: 400 `BAD_BODY`, `PHONE_INVALID`, `QR_INVALID`, `CODE_INVALID`, `MESSAGE_INVALID`,
 * `SCENARIO_UNKNOWN`, `SCENARIO_PARAM_INVALID`, `SCENARIO_SCOPE_INVALID`, `SCENARIO_COMPANY_AMBIGUOUS` (its connections
 * cannot be told from another company's on the same phone); 404 `PHONE_UNKNOWN`, `DEVICE_UNKNOWN`,
 * `QR_UNKNOWN`, `CODE_NOT_REQUESTED`, `MESSAGE_UNKNOWN`; 409 `PHONE_EXISTS`, `QR_MISMATCH`, `CODE_WRONG`, `PASSKEY_REQUIRED`,
 * `DEVICE_OFFLINE`, `LINK_REFUSED` (the client did not accept the link); 410 `QR_EXPIRED`, `QR_USED`, `CODE_EXPIRED`;
 * 504 `LINK_TIMEOUT`.
 */
export function createApp(parts: RouteParts): Koa {
  const router = new Router();
  addHealthRoutes(router, () => ({ ready: true, checks: {} }));
  addPageRoutes(router, parts.page);
  addPhoneRoutes(router, parts);
  addDeviceRoutes(router, parts);
  addMessageRoutes(router, parts.phones);
  addScenarioRoutes(router, parts.scenarios);
  router.get('/root-key', (ctx) => {
    ctx.type = 'text/plain';
    ctx.body = parts.rootKey.toString('base64');
  });
  router.get('/screens', (ctx) => {
    ctx.body = parts.screens.current();
  });
  router.get('/rejections', (ctx) => {
    ctx.body = parts.instruments.rejections();
  });
  const app = new Koa();
  app.use(errorMiddleware(parts.logger));
  app.use(refusalMiddleware());
  app.use(localAccess(parts.localOnly));
  app.use(bodyParser({ enableTypes: ['json'], jsonLimit: '16kb', onError: refuseBody }));
  app.use(router.routes());
  return app;
}

function addPageRoutes(router: Router, page: Page): void {
  router.get(['/', '/phone.js', '/phone.css'], (ctx) => {
    const asset = page.get(ctx.path);
    if (!asset) return;
    ctx.type = asset.type;
    ctx.body = asset.body;
  });
}

function addPhoneRoutes(router: Router, { directory, phones }: RouteParts): void {
  router.get('/phones', (ctx) => {
    ctx.body = phones.list();
  });
  router.post('/phones', async (ctx) => {
    const body = bodyOf(ctx.request.body);
    const phone = await directory.addPhone({
      phoneNumber: optional(body, 'phoneNumber', 'string'),
      name: optional(body, 'name', 'string'),
      lid: optional(body, 'lid', 'string'),
      business: optional(body, 'business', 'boolean'),
    });
    ctx.status = 201;
    ctx.body = phones.view(phone);
  });
  router.post('/phones/:id/scan', async (ctx) => {
    const qr = optional(bodyOf(ctx.request.body), 'qr', 'string');
    if (qr === undefined) throw new HttpError(400, 'BAD_BODY', 'qr is missing');
    ctx.body = await phones.scan(ctx.params['id'] ?? '', qr);
  });
  router.post('/phones/:id/pairing-code', async (ctx) => {
    const code = optional(bodyOf(ctx.request.body), 'code', 'string');
    if (code === undefined) throw new HttpError(400, 'BAD_BODY', 'code is missing');
    ctx.body = await phones.enterCode(ctx.params['id'] ?? '', code);
  });
  router.post('/phones/:id/unlink', async (ctx) => {
    const device = optional(bodyOf(ctx.request.body), 'device', 'number');
    ctx.body = { unlinked: await phones.unlink(ctx.params['id'] ?? '', device) };
  });
}

function addDeviceRoutes(router: Router, { phones }: RouteParts): void {
  router.get('/devices', (ctx) => {
    ctx.body = phones.devices();
  });
  router.post('/devices/:jid/disconnect', async (ctx) => {
    const how = optional(bodyOf(ctx.request.body), 'how', 'string') ?? 'close';
    if (how !== 'close' && how !== 'cut') throw new HttpError(400, 'BAD_BODY', 'how must be close or cut');
    const jid = ctx.params['jid'] ?? '';
    phones.disconnect(jid, how);
    ctx.body = { jid, how };
  });
}

const STATUS_OF_CODE: Readonly<Record<PhoneError['code'], number>> = {
  PHONE_INVALID: 400,
  QR_INVALID: 400,
  PHONE_UNKNOWN: 404,
  DEVICE_UNKNOWN: 404,
  QR_UNKNOWN: 404,
  PHONE_EXISTS: 409,
  QR_MISMATCH: 409,
  CODE_INVALID: 400,
  MESSAGE_INVALID: 400,
  MESSAGE_UNKNOWN: 404,
  CODE_NOT_REQUESTED: 404,
  CODE_EXPIRED: 410,
  CODE_WRONG: 409,
  PASSKEY_REQUIRED: 409,
  DEVICE_OFFLINE: 409,
  LINK_REFUSED: 409,
  QR_EXPIRED: 410,
  QR_USED: 410,
  LINK_TIMEOUT: 504,
};

function refusalMiddleware(): Koa.Middleware {
  return async (_ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof ScenarioError) throw new HttpError(400, error.code, error.message);
      if (error instanceof PhoneError) throw new HttpError(STATUS_OF_CODE[error.code], error.code, error.message);
      throw error;
    }
  };
}

function refuseBody(): never {
  throw new HttpError(400, 'BAD_BODY', 'the body must be JSON of at most 16 KiB');
}

import { readJwtSecret } from '../../../deploy/local/jwt-secret.ts';
import { readEnv } from '../../../shared/config/env.ts';
import { signToken } from '../../../shared/http/sign-token.ts';
import type { LoadOptions } from '../options.ts';
import { OwnSystem } from './own-system.ts';
import type { Target, WhatsAppTarget } from './target.ts';

export type OpenedTarget = Target & { readonly whatsapp: WhatsAppTarget } & AsyncDisposable;

/** The system that the options name, or one of its own, which ends with the disposal. */
export async function openTarget(options: LoadOptions): Promise<OpenedTarget> {
  return options.replicas ? await drive(options, options.replicas) : await startOwn(options);
}

async function startOwn({ gateways, publish, through }: LoadOptions): Promise<OpenedTarget> {
  const system = await OwnSystem.start({ gateways, whatsapp: through === 'whatsapp' });
  return {
    gatewayUrls: system.gatewayUrls,
    transport: { kind: publish, natsUrl: system.nats.url },
    client: 'socket.io',
    token: system.token,
    metricsUrls: system.metricsUrls,
    watched: system.watched,
    whatsapp: { natsUrl: system.nats.url, simulatorUrl: system.simulatorUrl },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

async function drive({ publish }: LoadOptions, gatewayUrls: readonly string[]): Promise<OpenedTarget> {
  const env = readEnv([
    { name: 'NATS_URL', help: '' },
    { name: 'JWT_SECRET', help: '', secret: true },
    { name: 'JWT_ISSUER', help: '' },
    { name: 'JWT_AUDIENCE', help: '' },
    { name: 'DATA_DIR', help: '' },
    { name: 'SOCKET_ADMIN_PORT', help: '' },
    { name: 'WHATSAPP_HTTP_PORT', help: '' },
    { name: 'SIMULATOR_PORT', help: '' },
  ]);
  const secret = await readJwtSecret(env);
  const natsUrl = env.NATS_URL ?? 'nats://127.0.0.1:4222';
  const gatewayMetrics = gatewayUrls.map((url) => `${adminOf(url, env.SOCKET_ADMIN_PORT)}/metrics`);
  return {
    gatewayUrls,
    transport: { kind: publish, natsUrl },
    client: 'socket.io',
    token: (salonId) => signToken({ secret, salonId, hours: 12, issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE }),
    metricsUrls: [...gatewayMetrics, `http://127.0.0.1:${env.WHATSAPP_HTTP_PORT ?? 3003}/metrics`],
    watched: gatewayMetrics.map((metricsUrl, index) => ({ name: `socket-${index + 1}`, metricsUrl })),
    whatsapp: { natsUrl, simulatorUrl: `http://127.0.0.1:${env.SIMULATOR_PORT ?? 3004}` },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function adminOf(url: string, port: string | undefined): string {
  if (port === undefined) return url;
  const admin = new URL(url);
  admin.port = port;
  return admin.origin;
}

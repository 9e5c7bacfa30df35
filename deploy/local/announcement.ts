import { signToken } from '../../shared/http/sign-token.ts';
import type { Settings } from './process-specs.ts';
import { queriesPageUrl } from './prometheus-process.ts';
import { shownPath } from './shown-path.ts';

/** The salon whose page is offered; no customer of anybody. */
export const DEMO_SALON = '962302';
const TOKEN_HOURS = 24;

/** What to open, printed once everything is ready: the page with a token that holds for a day, the phone, the metrics. */
export async function announce(settings: Settings): Promise<string> {
  const { ports, processes, env, dataDir } = settings;
  const socket = `http://localhost:${ports.socket}`;
  const metrics = [env['SOCKET_ADMIN_PORT'] ? `http://localhost:${env['SOCKET_ADMIN_PORT']}` : socket];
  metrics.push(`http://localhost:${ports.whatsapp}`);
  if (processes.includes('canary')) metrics.push(`http://localhost:${ports.canary}`);
  const rows = [
    ['onboarding page', await pageUrl(settings)],
    ['phone', phone(settings)],
    ['metrics', metrics.map((url) => `${url}/metrics`).join('  ')],
    ...(processes.includes('traces') ? [['traces', `http://localhost:${ports.traces}/`]] : []),
    ...(settings.observe ? [['prometheus', prometheus(settings)]] : []),
    ['bus', settings.natsUrl],
    ['logs', `${shownPath(dataDir)}/logs`],
  ];
  const table = rows.map(([label = '', value = '']) => `  ${label.padEnd(15)}  ${value}`).join('\n');
  return `\n${table}\n\nThe page is salon ${DEMO_SALON}'s; npm run token -- --salon <id> signs others. Ctrl-C stops everything.`;
}

/** The token stands behind #: a browser sends it to no server and no log. */
export async function pageUrl({ ports, jwtSecret, token }: Settings): Promise<string> {
  const page = `http://localhost:${ports.socket}/`;
  if (jwtSecret === undefined) return `${page}#token=<a token signed by the keys of JWKS_URL>`;
  const { issuer, audience } = token;
  return `${page}#token=${await signToken({ secret: jwtSecret, salonId: DEMO_SALON, hours: TOKEN_HOURS, issuer, audience })}`;
}

/** Every panel of the landing dashboard is a link of that page. */
function prometheus({ processes, ports }: Settings): string {
  if (processes.includes('prometheus')) return queriesPageUrl(ports.prometheus);
  return 'not installed: apt-get install --no-install-recommends prometheus, or brew install prometheus';
}

function phone({ live, processes, ports, whatsappUrl }: Settings): string {
  if (processes.includes('simulator')) return `http://localhost:${ports.simulator}/`;
  return live ? 'your own: WhatsApp > Linked devices > Link a device' : `whatever links to ${whatsappUrl}`;
}

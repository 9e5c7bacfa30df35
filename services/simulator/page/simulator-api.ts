import type { DeviceView, PhoneView } from '../people/phone-desk.ts';
import type { MessageView } from '../post/chats.ts';
import type { SelectionView } from '../scenario-desk.ts';
import type { Scenario } from '../scenarios.ts';
import type { Screen } from '../screens.ts';

/** The simulator refused a request, or could not be reached (`UNREACHABLE`). */
export class SimulatorRequestError extends Error {
  override readonly name = 'SimulatorRequestError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  shouldRetry(): boolean {
    return this.code === 'UNREACHABLE' || this.code === 'LINK_TIMEOUT';
  }
}

export interface Person {
  readonly name?: string;
  readonly phoneNumber?: string;
}

/** A row of the table of scenarios. */
export type ScenarioRow = Pick<Scenario, 'name' | 'client' | 'knobs'>;

export interface ScenarioSelection {
  readonly company?: string;
  readonly phone?: string;
  readonly default?: boolean;
  readonly name: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly times?: number;
}

/** The simulator's control API, as far as a phone needs it. Everything rejects with `SimulatorRequestError`. */
export const simulatorApi = {
  phones: () => request<PhoneView[]>('GET', '/phones'),
  screens: () => request<Screen[]>('GET', '/screens'),
  messages: (phoneId: string) => request<MessageView[]>('GET', `/phones/${encodeURIComponent(phoneId)}/messages`),
  sendText: (phoneId: string, to: string, text: string) =>
    request<MessageView>('POST', `/phones/${encodeURIComponent(phoneId)}/messages`, { to, text }),
  react: (phoneId: string, to: string, reaction: { readonly messageId: string; readonly emoji: string }) =>
    request<MessageView>('POST', `/phones/${encodeURIComponent(phoneId)}/messages`, { to, reaction }),
  markRead: (phoneId: string, messageId: string) =>
    request<MessageView>('POST', `/phones/${encodeURIComponent(phoneId)}/messages/${messageId}/read`, {}),
  scenarios: () => request<{ scenarios: ScenarioRow[]; selections: SelectionView[] }>('GET', '/scenarios'),
  selectScenario: (selection: ScenarioSelection) => request<unknown>('POST', '/scenarios', selection),
  clearScenarios: () => request<unknown>('DELETE', '/scenarios'),
  addPhone: (person: Person) => request<PhoneView>('POST', '/phones', person),
  scan: (phoneId: string, qr: string) =>
    request<DeviceView>('POST', `/phones/${encodeURIComponent(phoneId)}/scan`, { qr }),
  enterCode: (phoneId: string, code: string) =>
    request<DeviceView>('POST', `/phones/${encodeURIComponent(phoneId)}/pairing-code`, { code }),
  unlink: (phoneId: string, device: number) =>
    request<{ unlinked: string[] }>('POST', `/phones/${encodeURIComponent(phoneId)}/unlink`, { device }),
  disconnect: (jid: string, how: 'close' | 'cut') =>
    request<{ jid: string }>('POST', `/devices/${encodeURIComponent(jid)}/disconnect`, { how }),
};

async function request<Answer>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer> {
  const response = await send(method, path, body);
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw toError(response.status, answer);
  return answer as Answer;
}

async function send(method: string, path: string, body: object | undefined): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new SimulatorRequestError('UNREACHABLE', 'the simulator does not answer', { cause });
  }
}

/** `{error: {code, message}}`, or whatever a proxy in between made of it. */
function toError(status: number, answer: unknown): SimulatorRequestError {
  const { error } = (answer ?? {}) as { error?: { code?: string; message?: string } };
  return new SimulatorRequestError(
    error?.code ?? `HTTP_${status}`,
    error?.message ?? `the simulator answered ${status}`,
  );
}

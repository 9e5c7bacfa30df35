import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import type { OnboardingModel, Refusal } from './onboarding-model.ts';

/** What the page shows, and the value of `data-state` on its main element. */
export type ViewName =
  | Refusal
  | 'connecting'
  | 'reconnecting'
  | 'starting'
  | 'resuming'
  | 'qr'
  | 'qr-refreshing'
  | Exclude<SessionState, 'starting' | 'qr' | 'pairing-code'>;

/**
 * `request-qr` begins linking anew and `resume` does the same for a session that may come back without a scan: one request,
 * two promises. `reconnect` opens the page's own socket without waiting for its timer.
 */
export type Action = 'request-qr' | 'resume' | 'reconnect';

/** A line under the text that says what the state alone does not. */
export type Note = 'slow' | 'service-silent' | 'offline' | 'retrying' | 'keep-phone-near';

/** Everything to draw, without words and without the DOM. */
export interface View {
  readonly name: ViewName;
  readonly qr: { readonly text: string; readonly secondsLeft: number; readonly secondsTotal: number } | undefined;
  /** Digits of the linked number. */
  readonly phone: string | undefined;
  readonly action: Action | undefined;
  readonly note: Note | undefined;
  /** Seconds until the owner tries again; 0 when it is trying now. */
  readonly retryInSeconds: number | undefined;
  /** What WhatsApp or the service gave as the reason: for the salon's support, not for the owner. */
  readonly reason: string | undefined;
}

/** After this long without progress the page admits it and offers a way out. */
const SLOW_AFTER_MS = 15_000;
/** The next QR follows the last one within a second or two; later than this something is stuck. */
const QR_OVERDUE_AFTER_MS = 8_000;

const RETRYABLE: ReadonlySet<ViewName> = new Set([
  'qr-expired',
  'logged-out',
  'replaced',
  'client-outdated',
  'passkey-required',
  'failed',
]);

/** What to show now. Pure; `nowMs` is the monotonic clock that the model was made with. */
export function toView(model: OnboardingModel, nowMs: number): View {
  switch (model.link) {
    case 'open':
      return model.session === undefined || model.isRequesting
        ? startingView(model, nowMs)
        : sessionView(model, model.session, nowMs);
    case 'connecting':
      return { ...bare('connecting'), ...(isSlow(model, nowMs) && { note: 'offline', action: 'reconnect' }) };
    case 'lost':
      return lostView(model, nowMs);
    case 'no-token':
    case 'link-expired':
    case 'link-invalid':
      return bare(model.link);
  }
}

/** Seconds for a countdown: it reads 1 until the very end and 0 never shows while something is still valid. */
export function secondsLeft(endsAtMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((endsAtMs - nowMs) / 1000));
}

function bare(name: ViewName): View {
  return {
    name,
    qr: undefined,
    phone: undefined,
    action: undefined,
    note: undefined,
    retryInSeconds: undefined,
    reason: undefined,
  };
}

function isSlow(model: OnboardingModel, nowMs: number): boolean {
  return nowMs - model.sinceMs >= SLOW_AFTER_MS;
}

function startingView(model: OnboardingModel, nowMs: number): View {
  if (model.hasProblem) return { ...bare('starting'), note: 'service-silent', action: 'request-qr' };
  return isSlow(model, nowMs) ? { ...bare('starting'), note: 'slow', action: 'request-qr' } : bare('starting');
}

function lostView(model: OnboardingModel, nowMs: number): View {
  if (model.session?.state === 'connected') {
    return { ...bare('connected'), phone: model.session.phone, note: 'retrying' };
  }
  return { ...bare('reconnecting'), ...(isSlow(model, nowMs) && { note: 'offline', action: 'reconnect' }) };
}

function sessionView(model: OnboardingModel, session: SessionStatePayload, nowMs: number): View {
  switch (session.state) {
    case 'starting':
      return session.phone === undefined ? startingView(model, nowMs) : { ...bare('resuming'), phone: session.phone };
    // A code that another client asked for: this page has nothing to show of it and waits for what follows.
    case 'pairing-code':
      return startingView(model, nowMs);
    case 'qr':
      return qrView(model, session, nowMs);
    case 'linked':
      return { ...bare('linked'), phone: session.phone, note: isSlow(model, nowMs) ? 'keep-phone-near' : undefined };
    case 'connected':
      return { ...bare('connected'), phone: session.phone };
    case 'disconnected':
      return disconnectedView(model, session, nowMs);
    case 'qr-expired':
    case 'logged-out':
    case 'replaced':
    case 'client-outdated':
    case 'passkey-required':
    case 'failed':
      return endedView(model, session.state, session);
  }
}

function endedView(model: OnboardingModel, name: ViewName, session: SessionStatePayload): View {
  return {
    ...bare(name),
    phone: name === 'logged-out' || name === 'replaced' ? session.phone : undefined,
    action: RETRYABLE.has(name) ? 'request-qr' : undefined,
    note: model.hasProblem ? 'service-silent' : undefined,
    reason: session.reason,
  };
}

function qrView(model: OnboardingModel, { qr }: SessionStatePayload, nowMs: number): View {
  const endsAtMs = model.qrEndsAtMs;
  if (qr !== undefined && endsAtMs !== undefined && nowMs < endsAtMs) {
    const secondsTotal = Math.max(1, Math.ceil(qr.expiresIn));
    return { ...bare('qr'), qr: { text: qr.text, secondsLeft: secondsLeft(endsAtMs, nowMs), secondsTotal } };
  }
  const isOverdue = nowMs - (endsAtMs ?? model.sinceMs) >= QR_OVERDUE_AFTER_MS;
  return { ...bare('qr-refreshing'), ...(isOverdue && { note: 'slow', action: 'request-qr' }) };
}

function disconnectedView(model: OnboardingModel, session: SessionStatePayload, nowMs: number): View {
  const view = { ...bare('disconnected'), phone: session.phone, reason: session.reason };
  if (session.willRetry === false) return { ...view, action: 'resume' };
  return { ...view, retryInSeconds: model.retryAtMs === undefined ? undefined : secondsLeft(model.retryAtMs, nowMs) };
}

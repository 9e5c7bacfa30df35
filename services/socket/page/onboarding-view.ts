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
export type Note = 'slow' | 'service-silent' | 'offline' | 'retrying' | 'no-longer-updated' | 'keep-phone-near';

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

/** What to show now. Pure; `nowMs` is the monotonic clock that the model was made with. */
export function toView(model: OnboardingModel, nowMs: number): View {
  switch (model.link) {
    case 'open':
      return openView(model, nowMs);
    case 'connecting':
      return unreachedView('connecting', model, nowMs);
    case 'lost':
      return connectedBefore(model, 'retrying') ?? unreachedView('reconnecting', model, nowMs);
    case 'link-expired':
      return connectedBefore(model, 'no-longer-updated') ?? bare(model.link);
    case 'no-token':
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

function unreachedView(name: 'connecting' | 'reconnecting', model: OnboardingModel, nowMs: number): View {
  return isSlow(model, nowMs) ? { ...bare(name), note: 'offline', action: 'reconnect' } : bare(name);
}

function openView(model: OnboardingModel, nowMs: number): View {
  const { session, problem, isRequesting } = model;
  if (problem?.kind === 'refused' && session?.state !== 'connected') {
    return { ...bare('failed'), action: 'request-qr', reason: problem.code };
  }
  return session === undefined || isRequesting ? startingView(model, nowMs) : sessionView(model, session, nowMs);
}

function startingView(model: OnboardingModel, nowMs: number): View {
  if (model.problem !== undefined) return { ...bare('starting'), note: 'service-silent', action: 'request-qr' };
  return isSlow(model, nowMs) ? { ...bare('starting'), note: 'slow', action: 'request-qr' } : bare('starting');
}

/** A salon that is connected stays so when only this page lost its way; a note says that it may be out of date. */
function connectedBefore({ session }: OnboardingModel, note: Note): View | undefined {
  return session?.state === 'connected' ? { ...bare('connected'), phone: session.phone, note } : undefined;
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
    // Credentials may still be good in these two, so no QR is promised.
    action: name === 'replaced' || name === 'client-outdated' ? 'resume' : 'request-qr',
    note: model.problem === undefined ? undefined : 'service-silent',
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

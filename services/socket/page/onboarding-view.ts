import type { TokenRefusal } from '../../../shared/client/client-event.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import type { OnboardingModel } from './onboarding-model.ts';
import { fitsQr } from './qr-path.ts';

/** What the page shows, and the value of `data-state` on its main element. */
export type ViewName =
  | TokenRefusal
  | 'connecting'
  | 'reconnecting'
  | 'resuming'
  | 'qr-refreshing'
  | 'phone-number'
  | 'code-awaited'
  | 'code-expired'
  | SessionState;

/**
 * `request-qr` begins linking anew and `resume` does the same for a session that may come back without a scan: one request,
 * two promises, and `other-phone` a third. `enter-phone` and `change-phone` open the same form. `reconnect` opens the page's own socket without waiting for its timer.
 */
export type Action =
  | 'request-qr'
  | 'resume'
  | 'other-phone'
  | 'reconnect'
  | 'request-code'
  | 'enter-phone'
  | 'change-phone'
  | 'use-qr';

/** A line under the text that says what the state alone does not. */
export type Note =
  | 'slow'
  | 'service-silent'
  | 'offline'
  | 'retrying'
  | 'no-longer-updated'
  | 'keep-phone-near'
  | 'form-waits'
  | 'too-many-requests';

/** Something that ends, in s. */
interface Countdown {
  readonly secondsLeft: number;
  readonly secondsTotal: number;
}

interface PhoneFormView {
  readonly error: string | undefined;
  /** The number of the last attempt: E.164 digits. */
  readonly phone: string | undefined;
  /** Nothing can be sent now. */
  readonly isBlocked: boolean;
}

/** Everything to draw, without words and without the DOM. */
export interface View {
  readonly name: ViewName;
  readonly qr: (Countdown & { readonly text: string }) | undefined;
  readonly code: (Countdown & { readonly text: string }) | undefined;
  /** Digits of the linked number, or of the one that the code is for. */
  readonly phone: string | undefined;
  /** The form for the phone number, with the contract's code of what was wrong with the last attempt. */
  readonly form: PhoneFormView | undefined;
  readonly action: Action | undefined;
  /** Other ways on, less prominent. */
  readonly alternatives: readonly Action[];
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
      return model.isLive ? openView(model, nowMs) : outdatedView(model, nowMs);
    case 'connecting':
      return unreachedView('connecting', model, nowMs);
    case 'lost':
      return unreachedView('reconnecting', model, nowMs);
    case 'token-expired':
      return connectedBefore(model, 'no-longer-updated') ?? bare(model.link);
    case 'token-missing':
    case 'token-invalid':
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
    code: undefined,
    phone: undefined,
    form: undefined,
    action: undefined,
    alternatives: [],
    note: undefined,
    retryInSeconds: undefined,
    reason: undefined,
  };
}

function isSlow(model: OnboardingModel, nowMs: number): boolean {
  return nowMs - model.sinceMs >= SLOW_AFTER_MS;
}

/** The gateway itself is cut off from what happens. */
function outdatedView(model: OnboardingModel, nowMs: number): View {
  const view = unreachedView('reconnecting', { ...model, isOffline: false, sinceMs: nowMs }, nowMs);
  return view.name === 'reconnecting' && isSlow(model, nowMs) ? { ...view, note: 'service-silent' } : view;
}

function problemNote({ problem }: OnboardingModel): Note | undefined {
  if (problem === undefined) return undefined;
  return problem.kind === 'limited' ? 'too-many-requests' : 'service-silent';
}

function unreachedView(name: 'connecting' | 'reconnecting', model: OnboardingModel, nowMs: number): View {
  const connected = connectedBefore(model, 'retrying');
  if (connected !== undefined) return connected;
  // What somebody is typing stays; it can be sent when the line is back.
  if (model.isEnteringPhone) return formView(model, { isBlocked: true });
  if (model.isOffline) return { ...bare(name), note: 'offline' };
  return isSlow(model, nowMs) ? { ...bare(name), note: 'offline', action: 'reconnect' } : bare(name);
}

/** A salon that is connected stays so when only this page lost its way; a note says that it may be out of date. */
function connectedBefore({ session }: OnboardingModel, note: Note): View | undefined {
  return session?.state === 'connected' ? { ...bare('connected'), phone: session.phone, note } : undefined;
}

function openView(model: OnboardingModel, nowMs: number): View {
  const { session, problem, request } = model;
  if (model.isEnteringPhone) return formView(model, { isBlocked: false });
  if (problem?.kind === 'refused' && session?.state !== 'connected') return failedView(problem.code);
  if (request?.kind === 'code') return awaitedCodeView(model, nowMs);
  return session === undefined || request !== undefined
    ? startingView(model, nowMs)
    : sessionView(model, session, nowMs);
}

function formView({ codeError, codePhone }: OnboardingModel, { isBlocked }: { isBlocked: boolean }): View {
  return {
    ...bare('phone-number'),
    form: { error: codeError, phone: codePhone, isBlocked },
    note: isBlocked ? 'form-waits' : undefined,
    alternatives: ['use-qr'],
  };
}

function failedView(reason: string | undefined): View {
  return { ...bare('failed'), action: 'request-qr', alternatives: ['enter-phone'], reason };
}

function startingView(model: OnboardingModel, nowMs: number): View {
  const view: View = { ...bare('starting'), alternatives: ['enter-phone'] };
  if (model.problem !== undefined) return { ...view, note: problemNote(model), action: 'request-qr' };
  return isSlow(model, nowMs) ? { ...view, note: 'slow', action: 'request-qr' } : view;
}

function sessionView(model: OnboardingModel, session: SessionStatePayload, nowMs: number): View {
  switch (session.state) {
    case 'starting':
      if (session.phone !== undefined) return { ...bare('resuming'), phone: session.phone };
      return model.way === 'code' ? codeView(model, session, nowMs) : startingView(model, nowMs);
    case 'qr':
    case 'pairing-code':
      return model.way === 'code' ? codeView(model, session, nowMs) : qrView(model, session, nowMs);
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

type Ended = Extract<
  SessionState,
  'qr-expired' | 'logged-out' | 'replaced' | 'client-outdated' | 'passkey-required' | 'failed'
>;

function endedAction(name: Ended): Action {
  if (name === 'passkey-required') return 'other-phone';
  // Credentials may still be good in these two, so no QR is promised.
  return name === 'replaced' || name === 'client-outdated' ? 'resume' : 'request-qr';
}

function endedView(model: OnboardingModel, name: Ended, session: SessionStatePayload): View {
  // A code that nobody typed ends with the QRs, but whoever asked for it never saw one.
  if (name === 'qr-expired' && model.way === 'code' && model.codePhone !== undefined) return expiredCodeView(model);
  const isOwnersTurn = name === 'qr-expired' || name === 'logged-out' || name === 'failed';
  return {
    ...bare(name),
    phone: name === 'logged-out' || name === 'replaced' ? session.phone : undefined,
    action: endedAction(name),
    alternatives: isOwnersTurn ? ['enter-phone'] : [],
    note: problemNote(model),
    reason: session.reason,
  };
}

function qrView(model: OnboardingModel, { qr }: SessionStatePayload, nowMs: number): View {
  const endsAtMs = model.qrEndsAtMs;
  if (qr !== undefined && endsAtMs !== undefined && nowMs < endsAtMs) {
    if (!fitsQr(qr.text)) return failedView('QR_TOO_LONG');
    const secondsTotal = Math.max(1, Math.ceil(qr.expiresIn));
    const shown = { text: qr.text, secondsLeft: secondsLeft(endsAtMs, nowMs), secondsTotal };
    return { ...bare('qr'), qr: shown, alternatives: ['enter-phone'] };
  }
  const isOverdue = nowMs - (endsAtMs ?? model.sinceMs) >= QR_OVERDUE_AFTER_MS;
  return {
    ...bare('qr-refreshing'),
    ...(isOverdue && { note: 'slow', action: 'request-qr' }),
    alternatives: ['enter-phone'],
  };
}

function codeView(model: OnboardingModel, { state, code }: SessionStatePayload, nowMs: number): View {
  const endsAtMs = model.codeEndsAtMs;
  if (code !== undefined && endsAtMs !== undefined && nowMs < endsAtMs) {
    const secondsTotal = Math.max(1, Math.ceil(code.expiresIn));
    return {
      ...bare('pairing-code'),
      code: { text: code.text, secondsLeft: secondsLeft(endsAtMs, nowMs), secondsTotal },
      phone: code.phoneNumber,
      alternatives: ['change-phone', 'use-qr'],
    };
  }
  // The line to WhatsApp was cut between the code and its use: the owner of the session makes a fresh one.
  if (state === 'starting' && !isSlow(model, nowMs)) return awaitedCodeView(model, nowMs);
  return expiredCodeView(model);
}

function awaitedCodeView(model: OnboardingModel, nowMs: number): View {
  const view = { ...bare('code-awaited'), phone: model.codePhone };
  if (model.problem === undefined && !isSlow(model, nowMs)) return view;
  return {
    ...view,
    note: problemNote(model) ?? 'slow',
    action: 'request-code',
    alternatives: ['change-phone', 'use-qr'],
  };
}

function expiredCodeView(model: OnboardingModel): View {
  const { codePhone } = model;
  return {
    ...bare('code-expired'),
    phone: codePhone,
    note: problemNote(model),
    action: codePhone === undefined ? 'enter-phone' : 'request-code',
    alternatives: codePhone === undefined ? ['use-qr'] : ['change-phone', 'use-qr'],
  };
}

function disconnectedView(model: OnboardingModel, session: SessionStatePayload, nowMs: number): View {
  const view = { ...bare('disconnected'), phone: session.phone, reason: session.reason };
  if (session.willRetry === false) return { ...view, action: 'resume' };
  return { ...view, retryInSeconds: model.retryAtMs === undefined ? undefined : secondsLeft(model.retryAtMs, nowMs) };
}

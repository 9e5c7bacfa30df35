import { comparePositions, positionOf, type Position } from '../../../shared/contract/position.ts';
import { SESSION_STATES } from '../../../shared/contract/session-state.ts';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';

/** Why the gateway will not have this page: a new link is needed, waiting does not help. */
export type Refusal = 'no-token' | 'link-expired' | 'link-invalid';

/** Where the page's own socket stands. */
export type Link = 'connecting' | 'open' | 'lost' | Refusal;

/** What came instead of an answer: `silent` is being tried again by the gateway, `refused` stays refused. */
export interface Problem {
  readonly kind: 'silent' | 'refused';
  readonly code: string | undefined;
}

/** Everything the page knows. Times are of the monotonic clock, in ms. */
export interface OnboardingModel {
  readonly link: Link;
  /** The newest accepted state; absent before the first one and, unless connected, while the socket is lost. */
  readonly session: SessionStatePayload | undefined;
  /** The newest position ever accepted: nothing older is shown, whichever replica sends it. */
  readonly seen: Position | undefined;
  /** When the QR of `session` ends. */
  readonly qrEndsAtMs: number | undefined;
  /** When the owner of the session tries again, if it said so believably. */
  readonly retryAtMs: number | undefined;
  /** A new QR was asked for and nothing has come back yet. */
  readonly isRequesting: boolean;
  /** Why the gateway could not do what was asked; cleared by the next state. */
  readonly problem: Problem | undefined;
  /** Since when the present situation lasts. */
  readonly sinceMs: number;
}

export type OnboardingEvent =
  | { readonly kind: 'opened' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'session'; readonly payload: SessionStatePayload; readonly wallClockMs: number }
  | { readonly kind: 'requested' }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** A retry further away than this comes from a wrong clock, not from a retry policy. */
const LONGEST_BELIEVABLE_RETRY_MS = 600_000;

export function initialModel(nowMs: number): OnboardingModel {
  return {
    link: 'connecting',
    session: undefined,
    seen: undefined,
    qrEndsAtMs: undefined,
    retryAtMs: undefined,
    isRequesting: false,
    problem: undefined,
    sinceMs: nowMs,
  };
}

/** The only way the model changes. Pure; `nowMs` is the monotonic clock. Returns the same object when nothing changed. */
export function reduce(model: OnboardingModel, event: OnboardingEvent, nowMs: number): OnboardingModel {
  switch (event.kind) {
    case 'opened':
      return { ...model, link: 'open', isRequesting: false, sinceMs: nowMs };
    case 'lost':
      return model.link === 'lost' ? model : { ...forget(model), link: 'lost', sinceMs: nowMs };
    case 'refused':
      return { ...forget(model), link: event.refusal, sinceMs: nowMs };
    case 'session':
      return acceptSession(model, event, nowMs);
    case 'requested':
      return { ...model, isRequesting: true, problem: undefined, sinceMs: nowMs };
    case 'problem':
      return { ...model, problem: event.problem };
  }
}

/** Whether a state may be shown: a known one, and not older than what this page has seen. */
export function isAcceptable(seen: Position | undefined, payload: SessionStatePayload): boolean {
  if (!SESSION_STATES.includes(payload.state)) return false;
  const position = positionOf(payload);
  return seen === undefined || position === undefined || comparePositions(position, seen) >= 0;
}

/** A QR that is on the screen while nobody renews it is worse than none. `connected` is an achievement and stays. */
function forget(model: OnboardingModel): OnboardingModel {
  if (model.session?.state === 'connected') return model;
  return { ...initialModel(model.sinceMs), seen: model.seen };
}

function acceptSession(
  model: OnboardingModel,
  { payload, wallClockMs }: { payload: SessionStatePayload; wallClockMs: number },
  nowMs: number,
): OnboardingModel {
  if (!isAcceptable(model.seen, payload)) return model;
  if (isEndOfQr(model.session, payload)) return { ...model, qrEndsAtMs: Math.min(model.qrEndsAtMs ?? nowMs, nowMs) };
  const isSameSituation = payload.state === model.session?.state && !model.isRequesting;
  return {
    link: 'open',
    session: payload,
    seen: positionOf(payload) ?? model.seen,
    qrEndsAtMs: qrEnd(model, payload, nowMs),
    retryAtMs: retryTime(payload, wallClockMs, nowMs),
    isRequesting: false,
    problem: undefined,
    sinceMs: isSameSituation ? model.sinceMs : nowMs,
  };
}

/** The gateway took an ended QR out of the very state that this page shows: the next QR is awaited, nothing began anew. */
function isEndOfQr(session: SessionStatePayload | undefined, payload: SessionStatePayload): boolean {
  const isSamePlace = session?.epoch === payload.epoch && session?.seq === payload.seq;
  return isSamePlace && session?.state === 'qr' && payload.state === 'starting';
}

/** A repeat of the same QR never prolongs it: the copy that came first was the least delayed one. */
function qrEnd(model: OnboardingModel, { qr }: SessionStatePayload, nowMs: number): number | undefined {
  if (qr === undefined) return undefined;
  const endsAtMs = nowMs + qr.expiresIn * 1000;
  const isRepeat = model.session?.qr?.text === qr.text && model.qrEndsAtMs !== undefined;
  return isRepeat ? Math.min(endsAtMs, model.qrEndsAtMs) : endsAtMs;
}

function retryTime({ retryAt }: SessionStatePayload, wallClockMs: number, nowMs: number): number | undefined {
  if (retryAt === undefined) return undefined;
  const inMs = retryAt - wallClockMs;
  return inMs > 0 && inMs <= LONGEST_BELIEVABLE_RETRY_MS ? nowMs + inMs : undefined;
}

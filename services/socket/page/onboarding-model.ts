import type { ClientEvent, Problem, TokenRefusal } from '../../../shared/client/client-event.ts';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';

/** Where the page's own socket stands. */
type Link = 'connecting' | 'open' | 'lost' | TokenRefusal;

/** How the owner of the salon links the phone. */
export type Way = 'qr' | 'code';

/** What was asked for and has not come yet. */
export type PendingRequest =
  | { readonly kind: 'qr' }
  | {
      readonly kind: 'code';
      /** E.164 digits. */
      readonly phoneNumber: string;
      /** The code that was shown before: seeing it again is no answer, unless it is for the same number. */
      readonly previousCode: string | undefined;
    };

/** Everything the page knows. Times are of the monotonic clock, in ms. */
export interface OnboardingModel {
  readonly link: Link;
  /** Whether the gateway hears of every change; while it does not, what it last said may be outdated. */
  readonly isLive: boolean;
  /** The newest state; absent before the first one and, unless connected, while the socket is lost. */
  readonly session: SessionStatePayload | undefined;
  /** When the QR and the code of `session` end. */
  readonly qrEndsAtMs: number | undefined;
  readonly codeEndsAtMs: number | undefined;
  /** When the owner of the session tries again, if it said so believably. */
  readonly retryAtMs: number | undefined;
  readonly request: PendingRequest | undefined;
  /** Why the gateway could not do what was asked; cleared by the next state. */
  readonly problem: Problem | undefined;
  /** Chosen by the person, or by the first code that comes; a QR until then. */
  readonly way: Way | undefined;
  /** The form for the phone number is open. */
  readonly isEnteringPhone: boolean;
  /** Why there is no code, in the contract's words; cleared by the next attempt. */
  readonly codeError: string | undefined;
  /** The number that the last code was asked for or came for: E.164 digits. */
  readonly codePhone: string | undefined;
  /** QRs that the page has asked for by itself since a person did something. */
  readonly renewals: number;
  /** The browser says that it has no network. */
  readonly isOffline: boolean;
  /** Since when the present situation lasts. */
  readonly sinceMs: number;
}

export type OnboardingEvent =
  | ClientEvent
  /** A new QR was asked for: by the page itself, or by a person. */
  | { readonly kind: 'qr-requested'; readonly isAutomatic: boolean }
  | { readonly kind: 'code-requested'; readonly phoneNumber: string }
  | { readonly kind: 'phone-asked' }
  | { readonly kind: 'phone-rejected'; readonly code: string }
  | { readonly kind: 'qr-chosen' }
  | { readonly kind: 'network'; readonly isOffline: boolean };

/** A retry further away than this comes from a wrong clock, not from a retry policy. */
const LONGEST_BELIEVABLE_RETRY_MS = 600_000;

export function initialModel(nowMs: number): OnboardingModel {
  return {
    link: 'connecting',
    isLive: true,
    session: undefined,
    qrEndsAtMs: undefined,
    codeEndsAtMs: undefined,
    retryAtMs: undefined,
    request: undefined,
    problem: undefined,
    way: undefined,
    isEnteringPhone: false,
    codeError: undefined,
    codePhone: undefined,
    renewals: 0,
    isOffline: false,
    sinceMs: nowMs,
  };
}

/** The only way the model changes. Pure; `nowMs` is the monotonic clock. Returns the same object when nothing changed. */
export function reduce(model: OnboardingModel, event: OnboardingEvent, nowMs: number): OnboardingModel {
  switch (event.kind) {
    case 'opened':
      return { ...model, link: 'open', isLive: true, sinceMs: nowMs };
    case 'live':
      return event.isLive === model.isLive ? model : { ...model, isLive: event.isLive, sinceMs: nowMs };
    case 'lost':
      return model.link === 'lost' ? model : { ...forget(model), link: 'lost', sinceMs: nowMs };
    case 'refused':
      return { ...forget(model), link: event.refusal, sinceMs: nowMs };
    case 'session':
      return acceptSession(model, event, nowMs);
    case 'problem':
      return toProblem(model, event.problem);
    case 'code-refused':
      return refuseCode(model, event.code, nowMs);
    case 'qr-requested':
      return event.isAutomatic ? renew(model, nowMs) : { ...toWay(model, 'qr', nowMs), request: { kind: 'qr' } };
    case 'code-requested':
      return requestCode(model, event.phoneNumber, nowMs);
    case 'phone-asked':
      return { ...toWay(model, 'code', nowMs), isEnteringPhone: true };
    case 'phone-rejected':
      return { ...model, codeError: event.code };
    case 'qr-chosen':
      return toWay(model, 'qr', nowMs);
    case 'network':
      return { ...model, isOffline: event.isOffline };
  }
}

/** A QR or code on the screen that nobody renews is worse than none. `connected` is an achievement and stays. */
function forget(model: OnboardingModel): OnboardingModel {
  const { way, isEnteringPhone, codeError, codePhone, renewals, isOffline, session } = model;
  if (session?.state === 'connected') return model;
  return { ...initialModel(model.sinceMs), way, isEnteringPhone, codeError, codePhone, renewals, isOffline };
}

/** A request that was dropped is not under way; one that is repeated by the gateway is. */
function toProblem(model: OnboardingModel, problem: Problem): OnboardingModel {
  return problem.kind === 'limited' ? { ...model, problem, request: undefined } : { ...model, problem };
}

/** A choice of the person takes back what went before it. */
function toWay(model: OnboardingModel, way: Way, nowMs: number): OnboardingModel {
  return {
    ...model,
    way,
    request: undefined,
    problem: undefined,
    isEnteringPhone: false,
    codeError: undefined,
    renewals: 0,
    sinceMs: nowMs,
  };
}

function renew(model: OnboardingModel, nowMs: number): OnboardingModel {
  return { ...model, request: { kind: 'qr' }, renewals: model.renewals + 1, sinceMs: nowMs };
}

function requestCode(model: OnboardingModel, phoneNumber: string, nowMs: number): OnboardingModel {
  const previousCode = model.session?.code?.text;
  return {
    ...toWay(model, 'code', nowMs),
    request: { kind: 'code', phoneNumber, previousCode },
    codePhone: phoneNumber,
  };
}

/** Somebody else's code, asked for in another tab, is no business of a page that shows the QR. */
function refuseCode(model: OnboardingModel, code: string, nowMs: number): OnboardingModel {
  if (model.way !== 'code') return model;
  return { ...model, request: undefined, codeError: code, isEnteringPhone: true, sinceMs: nowMs };
}

function acceptSession(
  model: OnboardingModel,
  { payload, receivedAtMs, via }: Extract<OnboardingEvent, { kind: 'session' }>,
  nowMs: number,
): OnboardingModel {
  if (via === 'poll') return acceptPolled(model, payload);
  if (isEndOfShown(model.session, payload)) return endShown(model, nowMs);
  const request = isAnswer(model, payload) ? undefined : model.request;
  const isSameSituation = payload.state === model.session?.state && request === model.request;
  const isLinked = payload.state === 'linked' || payload.state === 'connected';
  return {
    ...model,
    link: 'open',
    session: payload,
    qrEndsAtMs: qrEnd(model, payload, nowMs),
    codeEndsAtMs: codeEnd(model, payload, nowMs),
    retryAtMs: retryTime(payload, receivedAtMs, nowMs),
    request,
    problem: undefined,
    way: isLinked ? undefined : (model.way ?? (payload.code && 'code')),
    isEnteringPhone: model.isEnteringPhone && !isLinked,
    codePhone: payload.code && request === undefined ? payload.code.phoneNumber : model.codePhone,
    renewals: isLinked ? 0 : model.renewals,
    sinceMs: isSameSituation ? model.sinceMs : nowMs,
  };
}

/** Without its socket the page can do nothing about any other state, and shows no QR that nobody renews. */
function acceptPolled(model: OnboardingModel, payload: SessionStatePayload): OnboardingModel {
  if (payload.state === 'connected') return { ...model, session: payload };
  return model.session === undefined ? model : { ...model, session: undefined };
}

/** A code is answered by a code or by an end; on the way to it the session may start anew and show QRs. */
function isAnswer({ request, session }: OnboardingModel, payload: SessionStatePayload): boolean {
  const { state, code } = payload;
  if (request?.kind !== 'code') return state !== session?.state || !isSamePlace(session, payload);
  if (state === 'starting' || state === 'qr' || state === 'qr-expired') return false;
  if (state !== 'pairing-code') return true;
  return code !== undefined && (code.phoneNumber === request.phoneNumber || code.text !== request.previousCode);
}

/** The gateway took what had ended out of the very state that this page shows: the next is awaited, nothing began anew. */
function isEndOfShown(session: SessionStatePayload | undefined, payload: SessionStatePayload): boolean {
  const showed = session?.state === 'qr' || session?.state === 'pairing-code';
  return showed && payload.state === 'starting' && isSamePlace(session, payload);
}

/** The same event again; of events published by hand nobody can tell. */
function isSamePlace(session: SessionStatePayload, payload: SessionStatePayload): boolean {
  return payload.seq !== undefined && session.epoch === payload.epoch && session.seq === payload.seq;
}

function endShown(model: OnboardingModel, nowMs: number): OnboardingModel {
  const { qrEndsAtMs, codeEndsAtMs } = model;
  return {
    ...model,
    qrEndsAtMs: Math.min(qrEndsAtMs ?? nowMs, nowMs),
    codeEndsAtMs: codeEndsAtMs === undefined ? undefined : Math.min(codeEndsAtMs, nowMs),
  };
}

function qrEnd({ session, qrEndsAtMs }: OnboardingModel, { qr }: SessionStatePayload, nowMs: number) {
  return qr && endOf(qr.expiresIn, nowMs, session?.qr?.text === qr.text ? qrEndsAtMs : undefined);
}

function codeEnd({ session, codeEndsAtMs }: OnboardingModel, { code }: SessionStatePayload, nowMs: number) {
  return code && endOf(code.expiresIn, nowMs, session?.code?.text === code.text ? codeEndsAtMs : undefined);
}

/** A repeat of the same thing never prolongs it: the copy that came first was the least delayed one. */
function endOf(expiresInSeconds: number, nowMs: number, knownEndMs: number | undefined): number {
  const endsAtMs = nowMs + expiresInSeconds * 1000;
  return knownEndMs === undefined ? endsAtMs : Math.min(endsAtMs, knownEndMs);
}

function retryTime({ retryAt }: SessionStatePayload, wallClockMs: number, nowMs: number): number | undefined {
  if (retryAt === undefined) return undefined;
  const inMs = retryAt - wallClockMs;
  return inMs > 0 && inMs <= LONGEST_BELIEVABLE_RETRY_MS ? nowMs + inMs : undefined;
}

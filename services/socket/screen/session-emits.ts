import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { positionOf } from '../../../shared/contract/position.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import {
  ALREADY_CONNECTED_MESSAGE,
  CONNECTED_MESSAGE,
  type SeenPosition,
  type ServerToClientEvents,
  type SessionStatePayload,
} from '../../../shared/contract/socket-events.ts';
import type { Expiry } from './expiry.ts';
import { toPairingCodeError } from './pairing-code-error.ts';

/** A state of a session together with what of it may still be shown. */
export interface ShownState {
  readonly event: SessionEvent;
  readonly expiry: Expiry;
  /** When the stream that the event's position belongs to was created, in ms since the epoch, if known. */
  readonly stream?: number | undefined;
}

/** The state's place in the company's order as browsers keep it; `undefined` for an event published by hand. */
export function seenPositionOf({ event, stream }: Pick<ShownState, 'event' | 'stream'>): SeenPosition | undefined {
  const position = positionOf(event);
  if (position === undefined || stream === undefined) return position;
  return { epoch: position.epoch, seq: position.seq, stream };
}

/** One Socket.IO emit: the event's name and its only argument. */
export type Emit = {
  [Name in keyof ServerToClientEvents]: readonly [name: Name, payload: Parameters<ServerToClientEvents[Name]>[0]];
}[keyof ServerToClientEvents];

/** States that a legacy client can only learn of as an error: without somebody's help no connect will follow. */
const LEGACY_ERRORS: Partial<Record<SessionState, string>> = {
  failed: 'Не удалось подключить WhatsApp. Попробуйте ещё раз.',
  'client-outdated': 'Подключение WhatsApp временно недоступно. Мы уже обновляем сервис.',
  'passkey-required': 'Для этого аккаунта WhatsApp требует ключ доступа. Подключение по QR-коду невозможно.',
};

/** How a client learns of the state: `snapshot` when the browser came after it. */
export type EmitMode = 'change' | 'snapshot';

/**
 * Everything to emit for a state: `session-state` with the whole of it, then the legacy event that says the same to
 * existing clients. `whatsapp-connected` goes first, because nothing may stand between a connect and the page.
 */
export function toEmits(shown: ShownState, mode: EmitMode, nowMs: number): readonly Emit[] {
  const payload = toSessionState(shown, nowMs);
  const state: Emit = ['session-state', payload];
  const { event } = shown;
  if (payload.state === 'connected') {
    const connected: Emit = [
      'whatsapp-connected',
      {
        success: true,
        phone: event.phoneNumber ?? '',
        sessionId: event.companyId,
        message: mode === 'change' ? CONNECTED_MESSAGE : ALREADY_CONNECTED_MESSAGE,
      },
    ];
    return [connected, state];
  }
  if (payload.code) {
    const { text, phoneNumber, expiresIn } = payload.code;
    return [state, ['pairing-code', { code: text, phoneNumber, expiresIn }]];
  }
  if (payload.qr) return [state, ['qr-update', { qr: payload.qr.text, expiresIn: payload.qr.expiresIn }]];
  // Whoever comes later did not ask for the code.
  if (event.type === 'pairing-code-error' && mode === 'change') {
    return [state, ['pairing-code-error', toPairingCodeError(event.error.code)]];
  }
  const message = LEGACY_ERRORS[payload.state];
  return message === undefined ? [state] : [state, ['error', { message, code: payload.state }]];
}

/** The legacy event that a state is known by, for span names and logs. */
export function mainEmitOf(event: SessionEvent): keyof ServerToClientEvents {
  switch (event.type) {
    case 'connected':
      return 'whatsapp-connected';
    case 'qr':
      return 'qr-update';
    case 'pairing-code':
    case 'pairing-code-error':
      return event.type;
    default:
      return 'session-state';
  }
}

/** The whole state as a browser gets it; a QR or code that has expired is left out, and the state says so. */
export function toSessionState(shown: ShownState, nowMs: number): SessionStatePayload {
  const { event, expiry } = shown;
  const qrLeftMs = leftMs(expiry.qrUntilMs, nowMs);
  const codeLeftMs = leftMs(expiry.codeUntilMs, nowMs);
  return {
    state: shownState(stateOf(event), qrLeftMs > 0, codeLeftMs > 0),
    sessionId: event.companyId,
    ...seenPositionOf(shown),
    ...(event.phoneNumber !== undefined && { phone: event.phoneNumber }),
    ...(event.qr && qrLeftMs > 0 && { qr: { text: event.qr.text, expiresIn: toSeconds(qrLeftMs) } }),
    ...(event.code &&
      codeLeftMs > 0 && {
        code: { text: event.code.text, phoneNumber: event.code.phoneNumber, expiresIn: toSeconds(codeLeftMs) },
      }),
    ...('reason' in event && event.reason !== undefined && { reason: event.reason }),
    ...('willRetry' in event && event.willRetry !== undefined && { willRetry: event.willRetry }),
    ...('retryAt' in event && event.retryAt !== undefined && { retryAt: event.retryAt }),
  };
}

/** A state that consists of showing something is `starting` once there is nothing left to show: the next one is awaited. */
function shownState(state: SessionState, hasQr: boolean, hasCode: boolean): SessionState {
  if (state === 'qr' && !hasQr) return 'starting';
  if (state === 'pairing-code' && !hasCode) return hasQr ? 'qr' : 'starting';
  return state;
}

function leftMs(untilMs: number | undefined, nowMs: number): number {
  return untilMs === undefined ? 0 : Math.max(0, untilMs - nowMs);
}

/** What an emit may take without a fresh QR of 60 s losing its first second, in ms. */
const EMIT_ALLOWANCE_MS = 100;

/** Rounded down, so that a page that counts down hides it in time; the last second counts as one. */
function toSeconds(ms: number): number {
  return Math.max(1, Math.floor((ms + EMIT_ALLOWANCE_MS) / 1000));
}

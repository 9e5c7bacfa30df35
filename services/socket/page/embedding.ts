import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';

/** Name of the DOM event on `window`, and `type` of the message to an embedding page. */
const CONNECTED = 'whatsapp-connected';

/** `detail` of the DOM event. */
export interface ConnectedDetail {
  readonly sessionId: string;
  /** Digits of the linked number. */
  readonly phone: string | undefined;
}

/**
 * Tells scripts of this page, by a DOM event on `window`, and the page around it, by `postMessage`, that the salon is
 * connected. The message goes to that one origin only which the gateway has allowed and has written into the page; a
 * browser delivers it to no other, whoever has framed the page.
 */
export function announceConnected({ sessionId, phone }: SessionStatePayload): void {
  const detail: ConnectedDetail = { sessionId, phone };
  dispatchEvent(new CustomEvent(CONNECTED, { detail }));
  const origin = embeddingOrigin();
  if (origin !== undefined && parent !== window) parent.postMessage({ type: CONNECTED, ...detail }, origin);
}

/** As the gateway has written it into `index.html`; absent when the page was not asked for by `?embed=`. */
function embeddingOrigin(): string | undefined {
  const content = document.querySelector('meta[name="embedding-origin"]')?.getAttribute('content') ?? '';
  return content === '' ? undefined : content;
}

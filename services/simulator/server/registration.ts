import { randomBytes } from 'node:crypto';
import { PhoneError } from '../people/phone-error.ts';
import { verifyDeviceSignature, type SignedLink } from '../protocol/adv-identity.ts';
import type { RegistrationPayload } from '../protocol/client-payload.ts';
import { SERVER_JID, bytesOf, childOf, errorOf, node, resultOf, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Connection } from './connection.ts';

/** How long the QRs of one connection live. */
export interface QrTiming {
  readonly refs: number;
  readonly firstRefMs: number;
  readonly nextRefMs: number;
}

export interface RegistrationOptions {
  readonly connection: Connection;
  readonly client: RegistrationPayload;
  readonly noiseKey: Buffer;
  readonly qr: QrTiming;
  /** How long the client may take to sign what the phone offered. */
  readonly linkTimeoutMs: number;
  readonly nowMs: number;
}

/** What the phone offers to the companion whose QR it scanned. */
export interface LinkOffer extends SignedLink {
  readonly phoneIdentityKey: Buffer;
  readonly jid: string;
  readonly lid: string;
  readonly platform: string;
  readonly businessName: string | undefined;
  /** Stores the device; the client is told to reconnect only when this resolved. */
  readonly commit: () => Promise<void>;
}

interface PendingLink {
  readonly offer: LinkOffer;
  readonly id: string;
  readonly settled: PromiseWithResolvers<void>;
}

/** One companion that shows QRs and waits to be linked. */
export class Registration {
  /** In the order in which the client shows them; a ref is valid from the start until its `expiresAt`. */
  readonly refs: readonly { readonly ref: string; readonly expiresAt: number }[];
  readonly client: RegistrationPayload;
  readonly noiseKey: Buffer;
  readonly #options: RegistrationOptions;
  #state: 'waiting' | 'taken' | 'ended' = 'waiting';
  #gone = false;
  #pending: PendingLink | undefined;

  constructor(options: RegistrationOptions) {
    const { qr, nowMs } = options;
    this.#options = options;
    this.client = options.client;
    this.noiseKey = options.noiseKey;
    this.refs = Array.from({ length: qr.refs }, (_, index) => ({
      ref: `2@${randomBytes(48).toString('base64')}`,
      expiresAt: nowMs + qr.firstRefMs + index * qr.nextRefMs,
    }));
  }

  /** `taken`: a phone has scanned one of the refs. `ended`: the client left before that. */
  get state(): 'waiting' | 'taken' | 'ended' {
    return this.#state;
  }

  /** Only one phone may link it. */
  take(): void {
    this.#state = 'taken';
  }

  /**
   * Offers the refs and serves the client until it is linked or leaves.
   * @throws ProtocolError DEVICE_SIGNATURE_INVALID and those of the connection
   */
  async run(): Promise<void> {
    const { connection } = this.#options;
    const refs = this.refs.map(({ ref }) => node('ref', {}, Buffer.from(ref)));
    connection.send(serverQuery([node('pair-device', {}, refs)]).query);
    try {
      for await (const stanza of connection.stanzas()) {
        if (await this.#receive(stanza)) return;
      }
    } catch (cause) {
      this.#pending?.settled.reject(new PhoneError('LINK_REFUSED', 'the client broke the protocol', { cause }));
      throw cause;
    } finally {
      this.#gone = true;
      if (this.#state === 'waiting') this.#state = 'ended';
      this.#pending?.settled.reject(leftEarly());
    }
  }

  /**
   * Sends the phone's offer. Resolves when the client has signed it and `commit` is done.
   * @throws PhoneError LINK_REFUSED, LINK_TIMEOUT
   */
  async link(offer: LinkOffer): Promise<void> {
    if (this.#gone) throw leftEarly();
    const { connection, linkTimeoutMs } = this.#options;
    const { id, query } = serverQuery([pairSuccess(offer)]);
    const settled = Promise.withResolvers<void>();
    this.#pending = { offer, id, settled };
    connection.send(query);
    const timer = setTimeout(() => {
      settled.reject(new PhoneError('LINK_TIMEOUT', 'the client did not answer the link'));
      connection.close();
    }, linkTimeoutMs);
    try {
      await settled.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** True when the client is linked and the connection over. */
  async #receive(stanza: BinaryNode): Promise<boolean> {
    const { connection } = this.#options;
    if (stanza.tag !== 'iq') return false;
    const { type, id, xmlns } = stanza.attrs;
    if (type === 'result') {
      const pending = this.#pending;
      return pending !== undefined && pending.id === id && this.#complete(stanza, pending);
    }
    const isPing = xmlns === 'w:p';
    connection.send(isPing ? resultOf(stanza) : errorOf(stanza, 501, 'feature-not-implemented'));
    return false;
  }

  async #complete(answer: BinaryNode, { offer, settled }: PendingLink): Promise<true> {
    const identity = bytesOf(childOf(childOf(answer, 'pair-device-sign'), 'device-identity'));
    if (!identity) throw new ProtocolError('DEVICE_SIGNATURE_INVALID', 'the answer holds no device identity');
    verifyDeviceSignature({
      details: offer.details,
      companionIdentityKey: this.client.identityKey,
      phoneIdentityKey: offer.phoneIdentityKey,
      answer: identity,
    });
    await offer.commit();
    // The client reconnects by itself, now with the credentials of a linked device.
    this.#options.connection.close(node('stream:error', { code: '515' }));
    settled.resolve();
    return true;
  }
}

function leftEarly(): PhoneError {
  return new PhoneError('LINK_REFUSED', 'the client left without accepting the link');
}

function pairSuccess(offer: LinkOffer): BinaryNode {
  return node('pair-success', {}, [
    node('device-identity', {}, offer.deviceIdentity),
    node('device', { jid: offer.jid, lid: offer.lid }),
    node('platform', { name: offer.platform }),
    ...(offer.businessName === undefined ? [] : [node('biz', { name: offer.businessName })]),
  ]);
}

function serverQuery(content: BinaryNode[]): { readonly id: string; readonly query: BinaryNode } {
  const id = randomBytes(8).toString('hex');
  const t = String(Math.floor(Date.now() / 1000));
  return { id, query: node('iq', { type: 'set', from: SERVER_JID, xmlns: 'md', id, t }, content) };
}

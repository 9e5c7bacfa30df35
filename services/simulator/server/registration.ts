import { randomBytes } from 'node:crypto';
import type { QrTiming } from '../behaviour.ts';
import { PhoneError } from '../people/phone-error.ts';
import { verifyDeviceSignature, type SignedLink } from '../protocol/adv-identity.ts';
import type { RegistrationPayload } from '../protocol/client-payload.ts';
import { SERVER_JID, bytesOf, childOf, errorOf, node, resultOf, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Course } from '../scenario-desk.ts';
import {
  codeStageOf,
  pairingRef,
  primaryHello,
  readCompanionFinish,
  readCompanionHello,
  type CompanionFinish,
  type PrimaryHello,
} from './code-messages.ts';
import type { CodeRequest } from './code-requests.ts';
import type { Connection } from './connection.ts';
import { endWith } from './ending.ts';
import { passkeyRequest } from './passkey-request.ts';

export interface RegistrationOptions {
  readonly connection: Connection;
  readonly course: Course;
  readonly client: RegistrationPayload;
  readonly noiseKey: Buffer;
  readonly qr: QrTiming;
  /** How long a code can be typed, in ms. */
  readonly codeLifeMs: number;
  /** How long the client may take to sign what the phone offered, or to answer a code. */
  readonly linkTimeoutMs: number;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Takes a request to be linked by code; `false` when there is no such phone. */
  readonly onCodeRequest: (request: CodeRequest) => boolean;
}

/** What the phone offers to the companion that it links. */
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

/** One companion that shows QRs or a code and waits to be linked. */
export class Registration {
  /** In the order in which the client shows them; a ref is valid from the start until its `expiresAt`. */
  readonly refs: readonly { readonly ref: string; readonly expiresAt: number }[];
  readonly client: RegistrationPayload;
  readonly noiseKey: Buffer;
  readonly course: Course;
  readonly #options: RegistrationOptions;
  #state: 'waiting' | 'taken' | 'ended' = 'waiting';
  #gone = false;
  #pending: PendingLink | undefined;
  #finish: PromiseWithResolvers<CompanionFinish> | undefined;

  constructor(options: RegistrationOptions) {
    const { qr, now } = options;
    this.#options = options;
    this.client = options.client;
    this.noiseKey = options.noiseKey;
    this.course = options.course;
    const start = now();
    this.refs = Array.from({ length: qr.refs }, (_, index) => ({
      ref: `2@${randomBytes(48).toString('base64')}`,
      expiresAt: start + qr.firstRefMs + index * qr.nextRefMs,
    }));
  }

  get connectionId(): number {
    return this.#options.connection.id;
  }

  /** `taken`: a phone has scanned one of the refs, or its code was right. `ended`: the client left before that. */
  get state(): 'waiting' | 'taken' | 'ended' {
    return this.#state;
  }

  /** Only one phone may link it. */
  take(): void {
    this.#state = 'taken';
  }

  /**
   * Offers the refs and serves the client until it is linked or leaves.
   * @throws ProtocolError DEVICE_SIGNATURE_INVALID, PAIRING_INVALID and those of the connection
   */
  async run(): Promise<void> {
    const { connection, course } = this.#options;
    const refs = this.refs.map(({ ref }) => node('ref', {}, Buffer.from(ref)));
    course.watch(() => {
      const { answerDelayMs = 0, silentFrom, atRegistration } = course.behaviour;
      connection.delayMs = answerDelayMs;
      connection.isSilent = silentFrom === 'login';
      if (atRegistration) endWith(connection, atRegistration);
    });
    if (!course.behaviour.atRegistration) connection.send(serverQuery([node('pair-device', {}, refs)]).query);
    try {
      for await (const stanza of connection.stanzas()) {
        if (await this.#receive(stanza)) return;
      }
    } catch (cause) {
      this.#fail(new PhoneError('LINK_REFUSED', 'the client broke the protocol', { cause }));
      throw cause;
    } finally {
      this.#gone = true;
      if (this.#state === 'waiting') this.#state = 'ended';
      this.#fail(leftEarly());
    }
  }

  /**
   * Sends the phone's offer. Resolves when the client has signed it and `commit` is done.
   * @throws PhoneError LINK_REFUSED, LINK_TIMEOUT
   */
  async link(offer: LinkOffer): Promise<void> {
    if (this.#gone) throw leftEarly();
    const { id, query } = serverQuery([pairSuccess(offer)]);
    const settled = Promise.withResolvers<void>();
    this.#pending = { offer, id, settled };
    this.#options.connection.send(query);
    await this.#inTime(settled, 'the client did not answer the link');
  }

  /**
   * Tells the client that its code was typed, and answers what it makes of that. One at a time: the client's answers do not
   * say what they answer.
   * @throws PhoneError LINK_REFUSED, LINK_TIMEOUT
   */
  async exchangeKeys(hello: PrimaryHello): Promise<CompanionFinish> {
    if (this.#gone) throw leftEarly();
    if (this.#finish) throw new PhoneError('LINK_REFUSED', 'a code was typed a moment ago');
    const finish = Promise.withResolvers<CompanionFinish>();
    this.#finish = finish;
    this.#options.connection.send(primaryHello(randomBytes(8).toString('hex'), hello));
    try {
      return await this.#inTime(finish, 'the client did not answer the code');
    } finally {
      this.#finish = undefined;
    }
  }

  /** The account wants a passkey before it links anything. The client stays connected and gets nothing more. */
  demandPasskey(): void {
    this.#options.connection.send(passkeyRequest());
  }

  async #inTime<T>(settled: PromiseWithResolvers<T>, whatElse: string): Promise<T> {
    const { connection, linkTimeoutMs } = this.#options;
    const timer = setTimeout(() => {
      settled.reject(new PhoneError('LINK_TIMEOUT', whatElse));
      connection.close();
    }, linkTimeoutMs);
    try {
      return await settled.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(error: PhoneError): void {
    this.#pending?.settled.reject(error);
    this.#finish?.reject(error);
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
    const stage = codeStageOf(stanza);
    if (stage === 'companion_hello') this.#takeHello(stanza);
    else if (stage === 'companion_finish') this.#takeFinish(stanza);
    else connection.send(xmlns === 'w:p' ? resultOf(stanza) : errorOf(stanza, 501, 'feature-not-implemented'));
    return false;
  }

  #takeHello(query: BinaryNode): void {
    const { connection, course, codeLifeMs, now, onCodeRequest } = this.#options;
    const hello = readCompanionHello(query, this.noiseKey);
    const ref = randomBytes(32);
    course.identify({ phone: hello.phoneNumber });
    const expiresAt = now() + (course.behaviour.codeLifeMs ?? codeLifeMs);
    const isKnown = onCodeRequest({ registration: this, hello, ref, expiresAt });
    connection.send(isKnown ? resultOf(query, [pairingRef(ref)]) : errorOf(query, 404, 'item-not-found'));
    this.#cutAfter('companion_hello');
  }

  #takeFinish(query: BinaryNode): void {
    const finish = readCompanionFinish(query, this.client.identityKey);
    this.#options.connection.send(resultOf(query));
    this.#cutAfter('companion_finish');
    this.#finish?.resolve(finish);
  }

  #cutAfter(stage: 'companion_hello' | 'companion_finish'): void {
    if (this.course.behaviour.cutAfter !== stage) return;
    this.#gone = true;
    this.#fail(leftEarly());
    this.#options.connection.cut();
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

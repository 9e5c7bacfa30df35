import { randomBytes, randomInt } from 'node:crypto';
import type { SimulatorInstruments } from '../instruments.ts';
import { signLink } from '../protocol/adv-identity.ts';
import {
  deriveAdvSecret,
  openKeyBundle,
  parsePairingCode,
  unwrapEphemeralKey,
  wrapEphemeralKey,
} from '../protocol/pairing-code.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { generateKeyPair, sharedSecret } from '../protocol/x25519.ts';
import type { CodeRequest, CodeRequests } from '../server/code-requests.ts';
import type { PairingDesk } from '../server/pairing-desk.ts';
import type { Registration } from '../server/registration.ts';
import type { Directory } from './directory.ts';
import { PhoneError } from './phone-error.ts';
import { PreKeys } from './prekeys.ts';
import { parseQrText } from './qr-text.ts';
import { jidOf, lidOf, type Device, type Phone } from './stored-state.ts';

export interface LinkDeskParts {
  readonly directory: Directory;
  readonly pairing: PairingDesk;
  readonly codes: CodeRequests;
  readonly instruments: SimulatorInstruments;
}

/** How a phone gets a companion: by scanning its QR, or by typing its code. */
export class LinkDesk {
  readonly #parts: LinkDeskParts;

  constructor(parts: LinkDeskParts) {
    this.#parts = parts;
  }

  /** @throws PhoneError QR_INVALID, QR_UNKNOWN, QR_EXPIRED, QR_USED, QR_MISMATCH, PASSKEY_REQUIRED, LINK_REFUSED, LINK_TIMEOUT */
  async scan(phone: Phone, qrText: string): Promise<Device> {
    const qr = parseQrText(qrText);
    const registration = this.#parts.pairing.find(qr);
    return this.#link(phone, registration, qr.advSecret);
  }

  /** @throws PhoneError CODE_INVALID, CODE_NOT_REQUESTED, CODE_EXPIRED, CODE_WRONG, PASSKEY_REQUIRED, LINK_REFUSED, LINK_TIMEOUT */
  async enterCode(phone: Phone, text: string): Promise<Device> {
    const code = parsePairingCode(text);
    if (code === undefined)
      throw new PhoneError('CODE_INVALID', 'a code is 8 letters and digits, without 0, I, O and U');
    const request = this.#parts.codes.find(phone.id);
    const advSecret = await this.#agree(phone, request, code);
    return this.#link(phone, request.registration, advSecret);
  }

  /** The secret that the companion derives, too, if and only if the code is the one that it shows. */
  async #agree(phone: Phone, { registration, hello, ref }: CodeRequest, code: string): Promise<Buffer> {
    const ephemeral = generateKeyPair();
    const [companionKey, wrappedEphemeralKey] = await Promise.all([
      unwrapEphemeralKey(code, hello.wrappedEphemeralKey),
      wrapEphemeralKey(code, ephemeral.publicKey),
    ]);
    const { publicKey: identityKey, privateKey } = phone.identity;
    const finish = await registration.exchangeKeys({ wrappedEphemeralKey, identityKey, ref });
    if (!finish.ref.equals(ref)) throw new PhoneError('CODE_EXPIRED', 'the device answered for another code');
    const ephemeralSecret = sharedSecret(ephemeral.privateKey, companionKey);
    const bundle = this.#checked(registration, () => openKeyBundle(ephemeralSecret, finish.wrappedKeyBundle));
    if (!bundle) throw new PhoneError('CODE_WRONG', 'this is not the code that the device shows');
    const { companionIdentityKey, primaryIdentityKey, random } = bundle;
    this.#checked(registration, () => {
      if (companionIdentityKey.equals(finish.identityKey) && primaryIdentityKey.equals(identityKey)) return;
      throw new ProtocolError('PAIRING_INVALID', 'the key bundle names other identities');
    });
    return deriveAdvSecret(ephemeralSecret, sharedSecret(privateKey, companionIdentityKey), random);
  }

  /** A deviation that only the phone can see is counted like those that the server sees. */
  #checked<T>({ connectionId }: Registration, check: () => T): T {
    try {
      return check();
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      this.#parts.instruments.rejected(connectionId, cause);
      throw new PhoneError('LINK_REFUSED', 'the device broke the protocol', { cause });
    }
  }

  async #link(phone: Phone, registration: Registration, knownSecret: Buffer): Promise<Device> {
    const { directory, instruments } = this.#parts;
    if (registration.state !== 'waiting') throw new PhoneError('LINK_REFUSED', 'the device left, or is linked already');
    registration.take();
    registration.course.identify({ phone: phone.id });
    const { link, business = phone.business } = registration.course.behaviour;
    if (link === 'passkey') {
      registration.demandPasskey();
      throw new PhoneError('PASSKEY_REQUIRED', 'the account wants a passkey; continue on the other device');
    }
    const device = toDevice(phone, registration, await directory.nextDevice(phone));
    const terms = {
      phoneIdentity: phone.identity,
      companionIdentityKey: device.identityKey,
      advSecret: link === 'wrong-adv-secret' ? randomBytes(32) : knownSecret,
      rawId: randomInt(1, 2 ** 31),
      keyIndex: device.device,
      timestamp: Math.floor(device.linkedAt / 1000),
    };
    await registration.link({
      ...signLink(terms),
      phoneIdentityKey: phone.identity.publicKey,
      jid: jidOf(device),
      lid: lidOf(phone, device.device),
      platform: business ? 'smba' : 'android',
      businessName: business ? phone.name : undefined,
      commit: () => directory.addDevice(device),
    });
    instruments.linked(device);
    return device;
  }
}

function toDevice(phone: Phone, { client, noiseKey }: Registration, device: number): Device {
  const { platform, identityKey, registrationId, signedPreKey } = client;
  const linkedAt = Date.now();
  return {
    phoneNumber: phone.id,
    device,
    platform,
    linkedAt,
    noiseKey,
    identityKey,
    registrationId,
    signedPreKey,
    preKeys: PreKeys.none,
    introduced: false,
  };
}

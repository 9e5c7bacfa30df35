import { proto } from '@whiskeysockets/baileys';
import { generateKeyPair, type KeyPair } from './x25519.ts';
import { sign } from './xeddsa.ts';

/** The root has serial 0; clients compare the intermediate's issuer with it. */
const ROOT_SERIAL = 0;
const INTERMEDIATE_SERIAL = 1;
const LEAF_SERIAL = 2;
const DAY_S = 24 * 60 * 60;

/**
 * The encoded `CertChain` for a server's static key: root → intermediate → leaf, whose key is the static key. Both
 * certificates are valid from a day before `nowMs` for ten years, longer than any server process lives.
 */
export function createCertificateChain(root: KeyPair, staticPublicKey: Buffer, nowMs: number): Buffer {
  const intermediateKey = generateKeyPair();
  const notBefore = Math.floor(nowMs / 1000) - DAY_S;
  const validity = { notBefore, notAfter: notBefore + 3650 * DAY_S };
  const intermediate = certificate(root, {
    serial: INTERMEDIATE_SERIAL,
    // Zero must be written out: a client decodes an absent serial to null and refuses it.
    issuerSerial: ROOT_SERIAL,
    key: intermediateKey.publicKey,
    ...validity,
  });
  const leaf = certificate(intermediateKey, {
    serial: LEAF_SERIAL,
    issuerSerial: INTERMEDIATE_SERIAL,
    key: staticPublicKey,
    ...validity,
  });
  return Buffer.from(proto.CertChain.encode({ leaf, intermediate }).finish());
}

function certificate(
  issuer: KeyPair,
  content: proto.CertChain.NoiseCertificate.IDetails,
): proto.CertChain.INoiseCertificate {
  const details = proto.CertChain.NoiseCertificate.Details.encode(content).finish();
  return { details, signature: sign(issuer.privateKey, details) };
}

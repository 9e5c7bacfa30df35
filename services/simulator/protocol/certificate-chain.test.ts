import { proto } from '@whiskeysockets/baileys';
import { expect, test } from 'vitest';
import { createCertificateChain } from './certificate-chain.ts';
import { generateKeyPair } from './x25519.ts';
import { verify } from './xeddsa.ts';

const NOW_MS = 1_764_870_000_000;
const root = generateKeyPair();
const server = generateKeyPair();
const { leaf, intermediate } = proto.CertChain.decode(createCertificateChain(root, server.publicKey, NOW_MS));
const bytes = (value: Uint8Array | null | undefined) => Buffer.from(value ?? []);
const detailsOf = (certificate: typeof leaf) =>
  proto.CertChain.NoiseCertificate.Details.decode(bytes(certificate?.details));

test('the root signs the intermediate, which signs the leaf, whose key is that of the server', () => {
  expect(verify(root.publicKey, bytes(intermediate?.details), bytes(intermediate?.signature))).toBe(true);
  const issuer = bytes(detailsOf(intermediate).key);
  expect(verify(issuer, bytes(leaf?.details), bytes(leaf?.signature))).toBe(true);
  expect(bytes(detailsOf(leaf).key)).toEqual(server.publicKey);
});

test('serials name the issuers, and the serial 0 of the root is written out', () => {
  expect(detailsOf(leaf).issuerSerial).toBe(detailsOf(intermediate).serial);
  expect(detailsOf(intermediate).issuerSerial).toBe(0);
  // Field 2, varint, value 0.
  expect(bytes(intermediate?.details).toString('hex')).toContain('1000');
});

test.each([
  ['leaf', leaf],
  ['intermediate', intermediate],
] as const)('the %s is valid now and in a year', (_name, certificate) => {
  const { notBefore, notAfter } = detailsOf(certificate);
  expect(Number(notBefore)).toBeLessThan(NOW_MS / 1000);
  expect(Number(notAfter)).toBeGreaterThan(NOW_MS / 1000 + 366 * 86_400);
});

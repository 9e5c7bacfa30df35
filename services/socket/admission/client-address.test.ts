import { describe, expect, test } from 'vitest';
import { ClientAddresses, isNetwork } from './client-address.ts';

const behindProxy = new ClientAddresses(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

describe('ClientAddresses', () => {
  test.each([
    ['a direct client', '203.0.113.5', undefined, '203.0.113.5'],
    ['a direct client that claims to be another', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
    ['an IPv4 client of a dual-stack listener', '::ffff:203.0.113.5', undefined, '203.0.113.5'],
    ['a client behind one proxy', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['a client behind two proxies', '10.1.2.3', '198.51.100.1, 192.0.2.7', '198.51.100.1'],
    ['a client that forged the left of the list', '10.1.2.3', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['a proxy that names nobody', '10.1.2.3', undefined, '10.1.2.3'],
    ['a proxy that names nonsense', '10.1.2.3', 'unknown', '10.1.2.3'],
    ['only proxies', '10.1.2.3', '10.0.0.1', '10.0.0.1'],
    ['an IPv6 client by its network', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
    ['a shortened IPv6 client', '2001:db8::6', undefined, '2001:db8:0:0::/64'],
    ['the IPv6 loopback', '::1', undefined, '0:0:0:0::/64'],
    ['an IPv6 proxy', 'fd00::1', '203.0.113.5', '203.0.113.5'],
    ['a peer without an address', undefined, '203.0.113.5', ''],
  ])('%s', (_title, remote, forwarded, expected) => {
    expect(behindProxy.keyOf(remote, forwarded)).toBe(expected);
  });
});

test.each([
  ['10.0.0.0/8', true],
  ['10.0.0.1', true],
  ['::1', true],
  ['fd00::/129', false],
  ['10.0.0.0/33', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['proxy.example', false],
  ['', false],
])('%j is a network: %j', (text, expected) => {
  expect(isNetwork(text)).toBe(expected);
});

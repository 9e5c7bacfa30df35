import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** True for an address or a network such as `10.0.0.0/8` or `fd00::/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Finds out who is behind the proxies that the configuration trusts. */
export class ClientAddresses {
  readonly #trusted = new BlockList();

  /** @param trustedProxies values that `isNetwork` accepts. */
  constructor(trustedProxies: readonly string[]) {
    for (const network of trustedProxies) {
      const [address = '', prefix] = network.split('/');
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      this.#trusted.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family);
    }
  }

  /**
   * The key that limits are counted by: the nearest address that is no trusted proxy. `X-Forwarded-For` is read from
   * the right and only as far as trusted proxies wrote it, because everything left of that is the client's own word.
   * An IPv6 client is its /64: one household or machine owns all of it.
   */
  keyOf(remoteAddress: string | undefined, forwardedFor: string | undefined): string {
    let address = unmapped(remoteAddress ?? '');
    const hops = forwardedFor?.split(',').map((hop) => unmapped(hop.trim())) ?? [];
    while (this.#isTrusted(address)) {
      const next = hops.pop();
      if (next === undefined || isIP(next) === 0) break;
      address = next;
    }
    return isIPv6(address) ? network64(address) : address;
  }

  #isTrusted(address: string): boolean {
    if (isIP(address) === 0) return false;
    return this.#trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
}

/** Node writes IPv4 peers of a dual-stack listener as `::ffff:192.0.2.1`. */
function unmapped(address: string): string {
  return /^::ffff:(?<v4>[0-9.]+)$/i.exec(address)?.groups?.['v4'] ?? address;
}

function network64(address: string): string {
  const [left = '', right] = (address.split('%')[0] ?? '').split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...tail].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

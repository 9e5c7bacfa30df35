/** Decides which web pages may talk to the gateway, by the `Origin` header that browsers cannot forge. */
export class Origins {
  readonly #exact: ReadonlySet<string>;
  readonly #patterns: readonly RegExp[];

  /** @param allowed values that `isOriginRule` accepts. */
  constructor(allowed: readonly string[]) {
    this.#exact = new Set(allowed.filter((rule) => !rule.includes('*')).map((rule) => new URL(rule).origin));
    this.#patterns = allowed.filter((rule) => rule.includes('*')).map(toPattern);
  }

  /**
   * True for a listed origin, for the host that the request itself addresses (the page served here, also behind a proxy
   * that ends TLS), and for requests without an origin: those come from no browser and carry a token anyway.
   */
  allows(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined) return true;
    if (this.#exact.has(origin) || this.#patterns.some((pattern) => pattern.test(origin))) return true;
    return host !== undefined && (origin === `https://${host}` || origin === `http://${host}`);
  }
}

/** An origin such as `https://app.example.com`, or the pattern of per-salon subdomains `https://n*.example.com`. */
export function isOriginRule(rule: string): boolean {
  const sample = rule.replace('://n*.', '://n1.');
  if (sample.includes('*') || !URL.canParse(sample)) return false;
  const url = new URL(sample);
  return (url.protocol === 'https:' || url.protocol === 'http:') && url.origin === sample.replace(/\/$/, '');
}

/** `n*` is n and digits, nothing else: no further label can hide in it. */
function toPattern(rule: string): RegExp {
  const [before, after] = rule.replace(/\/$/, '').split('*');
  return new RegExp(`^${escaped(before)}[0-9]{1,19}${escaped(after)}$`);
}

/** `isOriginRule` leaves nothing but the characters of an origin; of those only the dot means something in a pattern. */
function escaped(literal: string | undefined): string {
  return (literal ?? '').replaceAll('.', String.raw`\.`);
}

/** Everything that is wrong with the configuration, at once. Not retryable: the process exits with code 1. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`invalid configuration:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }

  shouldRetry(): boolean {
    return false;
  }
}

const MIN_SECRET_BYTES = 32;

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Collects the faults of one configuration while it is turned from text into values. Each parser answers a usable
 * value even when it notes a fault, so that all faults are found in one pass; `throwIfAny` ends the pass.
 */
export class ConfigFaults {
  readonly #faults: string[] = [];

  /** A fault that no parser here covers, such as two variables that exclude each other. */
  add(fault: string): void {
    this.#faults.push(fault);
  }

  integer(name: string, raw: string | undefined, fallback: number, { min, max }: Bounds): number {
    if (raw === undefined) return fallback;
    const value = Number(raw);
    if (/^[0-9]{1,15}$/.test(raw) && value >= min && value <= max) return value;
    this.add(`${name} must be an integer from ${min} to ${max}, got ${JSON.stringify(raw)}`);
    return fallback;
  }

  /** 0 asks the system for a free port. */
  port(name: string, raw: string | undefined, fallback: number): number {
    return this.integer(name, raw, fallback, { min: 0, max: 65_535 });
  }

  oneOf<T extends string>(name: string, raw: string | undefined, allowed: readonly T[], fallback: T): T {
    if (raw === undefined) return fallback;
    const found = allowed.find((value) => value === raw);
    if (found !== undefined) return found;
    this.add(`${name} must be one of ${allowed.join(', ')}, got ${JSON.stringify(raw)}`);
    return fallback;
  }

  /** A URL whose protocol is one of `protocols` (written with the colon); answers `undefined` when unset. */
  url(name: string, raw: string | undefined, protocols: readonly string[]): URL | undefined {
    if (raw === undefined) return undefined;
    const url = URL.canParse(raw) ? new URL(raw) : undefined;
    if (url && protocols.includes(url.protocol)) return url;
    this.add(`${name} must be a URL starting with ${protocols.map((p) => `${p}//`).join(' or ')}`);
    return undefined;
  }

  /** Base64 of exactly `bytes` bytes; the value itself is never repeated in the fault. */
  base64Key(name: string, raw: string | undefined, bytes: number): Buffer | undefined {
    if (raw === undefined) return undefined;
    const key = Buffer.from(raw.trim(), 'base64');
    if (key.length === bytes && /^[A-Za-z0-9+/]+={0,2}$/.test(raw.trim())) return key;
    this.add(`${name} must be base64 of ${bytes} bytes`);
    return undefined;
  }

  /** At least 32 bytes, as HS256 wants (RFC 7518, 3.2); the value itself is never repeated in the fault. */
  secret(name: string, raw: string | undefined): string | undefined {
    if (raw !== undefined && Buffer.byteLength(raw) < MIN_SECRET_BYTES) {
      this.add(`${name} must be at least ${MIN_SECRET_BYTES} bytes long`);
    }
    return raw;
  }

  /** Comma-separated, trimmed, empty items dropped. */
  list(raw: string | undefined, fallback: readonly string[]): readonly string[] {
    if (raw === undefined) return fallback;
    return raw
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** @throws ConfigError with every fault noted so far. */
  throwIfAny(): void {
    if (this.#faults.length > 0) throw new ConfigError(this.#faults);
  }
}

import { readFile } from 'node:fs/promises';
import { credsAuthenticator, nkeyAuthenticator, usernamePasswordAuthenticator, type Authenticator } from 'nats';

/** The connection's configuration cannot work as it stands, or the server refuses it. Waiting does not help. */
export class BusConfigError extends Error {
  readonly code: 'BUS_CONFIG_INVALID' | 'BUS_ACCESS_REFUSED';

  constructor(code: 'BUS_CONFIG_INVALID' | 'BUS_ACCESS_REFUSED', message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BusConfigError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return false;
  }
}

export interface Access {
  /** `host:port`, without scheme and user. */
  readonly servers: string[];
  readonly authenticators: Authenticator[];
  /** Present when the connection must be encrypted; never downgraded. */
  readonly tls?: { readonly caFile?: string };
}

export interface AccessOptions {
  readonly servers: readonly string[];
  readonly credentialsFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/**
 * Works out how to reach and convince the server: user and password from the URL, a .creds file or an nkey seed, TLS by
 * a CA file or a `tls://` URL.
 * @throws BusConfigError (`BUS_CONFIG_INVALID`) when a file cannot be read or is neither, or a URL is none.
 */
export async function readAccess({ servers, credentialsFile, caFile }: AccessOptions): Promise<Access> {
  const urls = servers.map(parseServer);
  const authenticators: Authenticator[] = [];
  const withUser = urls.find(({ username }) => username !== '');
  if (withUser) {
    const { username, password } = withUser;
    authenticators.push(usernamePasswordAuthenticator(decodeURIComponent(username), decodeURIComponent(password)));
  }
  if (credentialsFile) authenticators.push(toAuthenticator(await read(credentialsFile), credentialsFile));
  if (caFile) await read(caFile);
  const encrypted = caFile !== undefined || urls.some(({ protocol }) => protocol === 'tls:');
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
    authenticators,
    ...(encrypted && { tls: caFile ? { caFile } : {} }),
  };
}

function parseServer(server: string): URL {
  const text = server.includes('://') ? server : `nats://${server}`;
  const url = URL.parse(text);
  if (!url?.hostname) throw new BusConfigError('BUS_CONFIG_INVALID', 'a NATS server must be nats://host:port');
  return url;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new BusConfigError('BUS_CONFIG_INVALID', `cannot read ${file}`, error);
  }
}

/** Tried out once here: inside the client library a broken file would end a connection in the middle of its life. */
function toAuthenticator(content: Buffer, file: string): Authenticator {
  const seed = content.toString('utf8').trim();
  try {
    if (seed.startsWith('SU')) {
      const byKey = nkeyAuthenticator(Buffer.from(seed));
      byKey('nonce');
      return byKey;
    }
    const byJwt = credsAuthenticator(content);
    byJwt('nonce');
    return byJwt;
  } catch (error) {
    throw new BusConfigError('BUS_CONFIG_INVALID', `${file} is neither a .creds file nor an nkey seed`, error);
  }
}

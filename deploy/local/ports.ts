import { createServer, type Server } from 'node:net';
import { ListenError } from '../../shared/http/listen.ts';

export interface PortWish {
  /** 0 asks for any free port. */
  readonly port: number;
  /** The environment variable that moves the port. */
  readonly variable: string;
  /** The address it will be opened on; all of them when absent. */
  readonly host?: string;
}

const ATTEMPTS = 200;

/**
 * The port to use, free at this moment: a wished one is checked, so that the refusal names its variable before anything
 * is started; 0 is turned into a number, so that a process that comes back is found where it was.
 * @throws ListenError when the wished port is taken.
 */
export async function choosePort({ port, variable, host }: PortWish): Promise<number> {
  if (port !== 0) {
    await probe(port, variable, host);
    return port;
  }
  for (let attempt = 0; ; attempt += 1) {
    // Below the range that outgoing connections get theirs from, so that nobody is given it before it is opened.
    const candidate = 12_000 + Math.floor(Math.random() * 20_000);
    try {
      await probe(candidate, variable, host);
      return candidate;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function probe(port: number, variable: string, host: string | undefined): Promise<void> {
  const server = createServer();
  await open(server, port, host).catch((cause: unknown) => {
    throw new ListenError(port, variable, cause);
  });
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

function open(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== undefined && { host }) }, resolve);
  });
}

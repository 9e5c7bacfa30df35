import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import { makeFolder } from '../../shared/config/make-folder.ts';
import { shownPath } from './shown-path.ts';

/** No system was ever started on the folder, so there is nobody who would accept a token. */
export class JwtSecretMissingError extends Error {
  readonly code = 'JWT_SECRET_MISSING';

  constructor(dataDir: string) {
    super(
      `${shownPath(dataDir)} holds no secret: start the system first (npm start), set DATA_DIR to the folder of the one ` +
        'that runs, or JWT_SECRET to the secret of its socket service',
    );
    this.name = 'JwtSecretMissingError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/**
 * The secret that the gateway of this environment checks tokens with: `JWT_SECRET`, else that of `npm start` in
 * `DATA_DIR`, which is only read.
 * @throws JwtSecretMissingError; ConfigError when the gateway would refuse it.
 */
export async function readJwtSecret(env: {
  readonly JWT_SECRET: string | undefined;
  readonly DATA_DIR: string | undefined;
}): Promise<string> {
  const dataDir = env.DATA_DIR ?? '.data';
  const secret = env.JWT_SECRET ?? (await readSecret(secretPath(dataDir)));
  if (secret === undefined) throw new JwtSecretMissingError(dataDir);
  const faults = new ConfigFaults();
  faults.secret('JWT_SECRET', secret);
  faults.throwIfAny();
  return secret;
}

/**
 * The secret that signs development tokens, from `DATA_DIR/jwt-secret`; made once and readable by its owner alone, so
 * that tokens outlive a restart and `npm run token` signs what a running gateway accepts.
 * @throws FolderUnusableError
 */
export async function readOrCreateJwtSecret(dataDir: string): Promise<string> {
  const path = secretPath(dataDir);
  if ((await readSecret(path)) === undefined) {
    makeFolder(dataDir);
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, randomBytes(32).toString('base64url'), { mode: 0o600 });
    // A link appears with its content and never replaces one that another process made meanwhile.
    await link(draft, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    await rm(draft, { force: true });
  }
  await chmod(path, 0o600);
  return (await readSecret(path)) ?? '';
}

function secretPath(dataDir: string): string {
  return join(dataDir, 'jwt-secret');
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    return secret === '' ? undefined : secret;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

import { VARIABLES, toConfig } from '../../services/whatsapp/config.ts';
import type { SqlDatabase } from '../../services/whatsapp/store/database.ts';
import type { Keyring } from '../../services/whatsapp/store/encryption.ts';
import { loadKeyring } from '../../services/whatsapp/store/load-keyring.ts';
import { openDatabase } from '../../services/whatsapp/store/open-database.ts';
import { formatVariables, readEnv } from '../../shared/config/env.ts';

const NAMES = /^(DATABASE_URL|DATA_DIR|CREDENTIALS_KEY.*)$/;

/** The part of a command's help that tells where the sessions are stored. */
export const DATABASE_HELP = `Environment, as the WhatsApp service has it:
${formatVariables(VARIABLES.filter(({ name }) => NAMES.test(name)))}
`;

export interface SessionDatabase {
  readonly db: SqlDatabase;
  readonly keyring: Keyring;
}

/**
 * Opens the database of the WhatsApp service with its keys, from the environment, and closes it after `work`.
 * @throws ConfigError, and what opening the database throws.
 */
export async function withSessionDatabase(work: (database: SessionDatabase) => Promise<void>): Promise<void> {
  const { databaseUrl, dataDir, secrets } = toConfig(readEnv(VARIABLES));
  const { credentialsKey: key, credentialsKeyFile: keyFile, credentialsKeyPreviousFile: previousKeyFile } = secrets;
  const keyring = await loadKeyring({ key, keyFile, previousKeyFile, dataDir });
  await using db = await openDatabase({ databaseUrl, dataDir, maxConnections: 2 });
  await work({ db, keyring });
}

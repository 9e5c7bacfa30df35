import { randomBytes, randomUUID } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError, ConfigFaults } from '../../../shared/config/config-faults.ts';
import { makeFolder } from '../../../shared/config/make-folder.ts';
import { KEY_BYTES, Keyring } from './encryption.ts';

export interface KeyringSource {
  /** 32 bytes from the configuration; goes before `keyFile`. */
  readonly key?: Uint8Array | undefined;
  /** A file with the base64 text of 32 bytes. */
  readonly keyFile?: string | undefined;
  /** The key before the current one, same form, while a rotation is under way. */
  readonly previousKeyFile?: string | undefined;
  /** Where a key is made and kept when neither of the first two is given. */
  readonly dataDir: string;
}

/**
 * The keyring of the configuration. With no key configured it uses `credentials.key` in `dataDir`, made at first use.
 * @throws ConfigError when a file cannot be read or does not hold base64 of 32 bytes; no key material is in the message.
 */
export async function loadKeyring({ key, keyFile, previousKeyFile, dataDir }: KeyringSource): Promise<Keyring> {
  const previous = previousKeyFile === undefined ? undefined : await readKeyFile(previousKeyFile);
  if (key) return new Keyring({ current: key, previous });
  const current =
    keyFile === undefined ? await loadOrCreateKeyFile(join(dataDir, 'credentials.key')) : await readKeyFile(keyFile);
  return new Keyring({ current, previous });
}

/**
 * The key in the file; an absent file is made with a random key, readable by its owner alone. Processes that start at
 * once all answer the same key, and a crash leaves either no file or a whole one.
 * @throws ConfigError when the file holds something else.
 */
export async function loadOrCreateKeyFile(file: string): Promise<Uint8Array> {
  const existing = await readIfPresent(file);
  if (existing !== undefined) return parseKey(file, existing);
  makeFolder(dirname(file));
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeDurably(draft, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    // Unlike rename, link refuses when another process was first.
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readKeyFile(file);
}

async function readKeyFile(file: string): Promise<Uint8Array> {
  try {
    return parseKey(file, await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([
      `the key file ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`,
    ]);
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new ConfigError([
      `the key file ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`,
    ]);
  }
}

function parseKey(file: string, text: string): Uint8Array {
  const faults = new ConfigFaults();
  const key = faults.base64Key(`the key file ${file}`, text, KEY_BYTES);
  faults.throwIfAny();
  if (!key) throw new ConfigError([`the key file ${file} is empty`]);
  return key;
}

async function writeDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** `npm run migrate`: brings the database of the sessions to this release, legacy tables included. */
import { parseArgs } from 'node:util';
import type { LegacyImport } from '../../services/whatsapp/store/legacy-import.ts';
import { migrate } from '../../services/whatsapp/store/migrate.ts';
import { runCommand } from './run-command.ts';
import { DATABASE_HELP, withSessionDatabase } from './session-database.ts';

const HELP = `Brings the database of the WhatsApp sessions to this release, as the service does at its start.

  npm run migrate -- --dry-run    do everything, say what was done, and take it back
  npm run migrate

Plaintext tables whatsapp_auth and whatsapp_keys of an earlier product are imported: 962302 and company_962302 become
one company, registered credentials win, keys merge, everything is encrypted, and the old tables stay as *_legacy_backup
(they hold credentials in plaintext: drop them when all is well). Whatever cannot be decided leaves everything as it was
and is listed. Stop the earlier product first: its tables are locked meanwhile, by a dry run too. Embedded database: stop
the service.

Exit code: 0 done, 1 failed with nothing changed, 2 wrong command line.

${DATABASE_HELP}`;

await runCommand(HELP, async (args) => {
  const { values } = parseArgs({ args: [...args], options: { 'dry-run': { type: 'boolean' } } });
  const dryRun = values['dry-run'] === true;
  await withSessionDatabase(async ({ db, keyring }) => {
    const { applied, imported } = await migrate(db, { keyring, dryRun });
    const say = (line: string) => process.stdout.write(`${dryRun ? 'would have ' : ''}${line}\n`);
    if (applied.length === 0) process.stdout.write('the database is up to date\n');
    for (const title of applied) say(`applied ${title}`);
    if (imported) say(describe(imported));
    if (dryRun) process.stdout.write('nothing was changed\n');
  });
});

function describe(result: LegacyImport): string {
  const { companies, registered, unified, keys, keysWithoutCredentials, backups } = result;
  return [
    `imported ${companies} companies (${registered} registered, ${unified} unified from two ids) and ${keys} keys`,
    `left ${keysWithoutCredentials} keys without credentials behind`,
    `kept everything as it was in ${backups.join(' and ')}`,
  ].join(', ');
}

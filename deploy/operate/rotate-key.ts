/** `npm run rotate-key`: encrypts every stored credential with the current key, while the service runs. */
import { parseArgs } from 'node:util';
import { migrate } from '../../services/whatsapp/store/migrate.ts';
import { rotateKey, type RotationReport } from '../../services/whatsapp/store/rotate-key.ts';
import { runCommand } from './run-command.ts';
import { DATABASE_HELP, withSessionDatabase } from './session-database.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Encrypts with the current key everything that the previous one encrypted.

  1. put the new key into CREDENTIALS_KEY_FILE, the old one into CREDENTIALS_KEY_PREVIOUS_FILE
  2. restart every replica of the WhatsApp service with both: they read either and write the new one
  3. npm run rotate-key           with the same two, while they run
  4. take CREDENTIALS_KEY_PREVIOUS_FILE away and restart them

  --batch-rows N    rows rewritten at once (default 200)

It can be stopped and started again at any moment. What sessions write meanwhile is never overwritten. Rows that no key
opens are listed and left as they are. Embedded database: stop the service for step 3.

Exit code: 0 the previous key is of no use any more, 1 failed, stopped or some rows are unreadable, 2 wrong command line.

${DATABASE_HELP}`;

/** Something is left that the current key does not open. */
class RotationIncompleteError extends Error {
  readonly code: 'ROWS_UNREADABLE' | 'ROTATION_INCOMPLETE';

  constructor(code: RotationIncompleteError['code'], message: string) {
    super(message);
    this.name = 'RotationIncompleteError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return this.code === 'ROTATION_INCOMPLETE';
  }
}

await runCommand(HELP, async (args, signal) => {
  const { values } = parseArgs({ args: [...args], options: { 'batch-rows': { type: 'string' } } });
  const batchRows = Number(values['batch-rows'] ?? '200');
  if (!Number.isInteger(batchRows) || batchRows < 1 || batchRows > 5000) {
    throw new UsageError('--batch-rows must be an integer from 1 to 5000');
  }
  await withSessionDatabase(async ({ db, keyring }) => {
    await migrate(db, { keyring });
    const report = await rotateKey(db, keyring, { batchRows, signal });
    process.stdout.write(`rewrote ${report.rewritten} values with the current key\n`);
    for (const { table, companyId, reason, rows } of report.unreadable) {
      process.stdout.write(`unreadable: ${rows} in ${table} of ${companyId}: ${reason}\n`);
    }
    throwUnlessDone(report);
  });
});

function throwUnlessDone({ complete, unreadable }: RotationReport): void {
  if (!complete) {
    throw new RotationIncompleteError(
      'ROTATION_INCOMPLETE',
      'values under the previous key are left: stopped early, or a replica still writes with it; run it again',
    );
  }
  const rows = unreadable.reduce((sum, group) => sum + group.rows, 0);
  if (rows > 0) throw new RotationIncompleteError('ROWS_UNREADABLE', `${rows} values are encrypted with neither key`);
}

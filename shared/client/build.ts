import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ENTRY_POINT = join(import.meta.dirname, 'marketplace-client.ts');
const COMPILER = join(import.meta.dirname, '../../node_modules/.bin/tsc');

/**
 * Writes what `exports` of package.json names into the folder: one ES module without `socket.io-client`, which the page's
 * own bundler adds, and its types. Replaces what was there.
 * @throws esbuild's BuildFailure, or the error of a compiler that exits with faults, which stand in its `stdout`.
 */
export async function buildClient(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [ENTRY_POINT],
    outfile: join(folder, 'marketplace-client.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    external: ['socket.io-client'],
    logLevel: 'silent',
  });
  const flags =
    '--ignoreConfig --declaration --emitDeclarationOnly --strict --skipLibCheck --target es2024 --types node';
  const modules = '--module nodenext --lib es2024,esnext.disposable,dom --rewriteRelativeImportExtensions';
  const args = [...`${flags} ${modules}`.split(' '), '--outDir', join(folder, 'types'), ENTRY_POINT];
  await promisify(execFile)(COMPILER, args);
}

if (import.meta.main) await buildClient(join(import.meta.dirname, 'dist'));

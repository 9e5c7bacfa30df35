import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

interface Asset {
  /** As `Content-Type`. */
  readonly type: string;
  readonly body: string;
  /** Changes with the body. */
  readonly etag: string;
}

/** What the onboarding page consists of, by the path it is served under. */
export type PageAssets = ReadonlyMap<string, Asset>;

/**
 * Reads the onboarding page and bundles its script in memory.
 * @throws esbuild's BuildFailure when the script does not compile; ENOENT when a file is missing
 */
export async function loadPageAssets(folder: string): Promise<PageAssets> {
  const [html, css, script] = await Promise.all([
    readFile(join(folder, 'index.html'), 'utf8'),
    readFile(join(folder, 'onboarding.css'), 'utf8'),
    bundle(join(folder, 'onboarding.ts')),
  ]);
  return new Map([
    ['/', toAsset('text/html; charset=utf-8', html)],
    ['/onboarding.css', toAsset('text/css; charset=utf-8', css)],
    ['/onboarding.js', toAsset('text/javascript; charset=utf-8', script)],
  ]);
}

function toAsset(type: string, body: string): Asset {
  return { type, body, etag: hash('sha256', body, 'base64url').slice(0, 22) };
}

async function bundle(entryPoint: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

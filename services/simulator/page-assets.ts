import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface Asset {
  /** As `Content-Type`. */
  readonly type: string;
  readonly body: string;
}

/** The phone page by path. */
export type Page = ReadonlyMap<string, Asset>;

/** Simulators of one process share what they serve: a bundle takes some 100 ms. */
const pages = new Map<string, Promise<Page>>();

/**
 * Reads and bundles the page of a folder, once a process.
 * @throws esbuild's BuildFailure when the script does not compile, ENOENT when a file is missing
 */
export function loadPage(folder: string): Promise<Page> {
  const page = pages.get(folder) ?? buildPage(folder);
  pages.set(folder, page);
  return page;
}

async function buildPage(folder: string): Promise<Page> {
  const [html, css, script] = await Promise.all([
    readFile(join(folder, 'index.html'), 'utf8'),
    readFile(join(folder, 'phone.css'), 'utf8'),
    bundle(join(folder, 'phone.ts')),
  ]);
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/phone.css', { type: 'text/css; charset=utf-8', body: css }],
    ['/phone.js', { type: 'text/javascript; charset=utf-8', body: script }],
  ]);
}

async function bundle(entryPoint: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

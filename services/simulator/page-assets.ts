import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface Asset {
  /** As `Content-Type`. */
  readonly type: string;
  readonly body: string;
}

/** The phone page by path; made on the first request, so that clients and tests without a browser do not pay for it. */
export class Page {
  readonly #folder: string;
  #assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * What a path of the page holds.
   * @throws esbuild's BuildFailure when the script does not compile, ENOENT when a file is missing; the next call tries again
   */
  async asset(path: string): Promise<Asset | undefined> {
    this.#assets ??= loadPage(this.#folder);
    try {
      return (await this.#assets).get(path);
    } catch (error) {
      this.#assets = undefined;
      throw error;
    }
  }
}

async function loadPage(folder: string): Promise<ReadonlyMap<string, Asset>> {
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

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildClient } from './build.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A web application that has the package installed, as `npm install` leaves it. */
let application: string;

beforeAll(async () => {
  application = await mkdtemp(join(tmpdir(), 'application-'));
  const modules = join(application, 'node_modules');
  const installed = join(modules, 'whatsapp-event-broker');
  await mkdir(installed, { recursive: true });
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { name, type, exports } = manifest;
  await writeFile(join(installed, 'package.json'), JSON.stringify({ name, type, exports }));
  await buildClient(join(installed, 'shared/client/dist'));
  await symlink(join(ROOT, 'node_modules/socket.io-client'), join(modules, 'socket.io-client'));
}, 60_000);

afterAll(() => rm(application, { recursive: true, force: true }));

async function write(source: string): Promise<string> {
  const file = join(application, 'application.ts');
  await writeFile(file, `import { MarketplaceClient } from 'whatsapp-event-broker/client';\n${source}`);
  return file;
}

test('a bundler for browsers takes the client from the package, and nothing of Node with it', async () => {
  const entryPoint = await write(`new MarketplaceClient({ token: 't' }).connect();`);
  const { outputFiles, warnings } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    minify: true,
    logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  expect(outputFiles[0]?.text).toContain('/marketplace');
});

test('a strict compiler knows its types', async () => {
  const file = await write(`
    const client = new MarketplaceClient({ address: 'https://wa.test', token: 't', refreshToken: async () => undefined });
    client.subscribe((event) => {
      if (event.kind !== 'session') return;
      const phone: string | undefined = event.payload.phone;
      // @ts-expect-error: no state of the contract
      if (event.payload.state === 'levitating') console.log(phone);
    });
    const isSent: boolean = client.requestPairingCode('79990000001');
    export { isSent };
  `);
  const flags = '--ignoreConfig --noEmit --strict --skipLibCheck --target es2022 --module esnext --lib es2022,dom';
  const args = [...flags.split(' '), '--moduleResolution', 'bundler', file];
  const faults = await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), args).then(
    () => '',
    (error: unknown) => (error as { stdout: string }).stdout,
  );
  expect(faults).toBe('');
}, 60_000);

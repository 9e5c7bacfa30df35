import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

let base: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'folder-'));
});

afterEach(async () => {
  await chmod(base, 0o700);
  await rm(base, { recursive: true });
});

test('a folder is made with those above it, for its owner alone when asked, and left when it is there', async () => {
  const folder = join(base, 'a', 'b');
  makeFolder(folder, 0o700);
  makeFolder(folder);
  for (const made of [join(base, 'a'), folder]) expect((await stat(made)).mode & 0o777).toBe(0o700);
});

/** Which of them depends on the system. */
const NOWHERE = /no folder can be made there|permission denied|it is read-only/;

test.each([
  ['below /proc', () => '/proc/x', NOWHERE],
  ['deep below /proc', () => '/proc/x/y/z', NOWHERE],
  ['a file', () => join(base, 'file'), /a file is in its place/],
  ['below a file', () => join(base, 'file', 'a', 'b'), /a file is in its place/],
  ['a folder that nobody may write', () => '/proc/self', NOWHERE],
])('%s is refused at once', async (_where, path, why) => {
  await writeFile(join(base, 'file'), '');
  expect(() => makeFolder(path())).toThrow(
    expect.objectContaining({ code: 'FOLDER_UNUSABLE', message: expect.stringMatching(why) as unknown }),
  );
});

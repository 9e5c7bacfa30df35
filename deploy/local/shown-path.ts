import { relative } from 'node:path';

/** A path as a person at this terminal would type it: relative below the working directory, absolute elsewhere. */
export function shownPath(path: string, from = process.cwd()): string {
  const short = relative(from, path);
  return short.startsWith('..') ? path : short || '.';
}

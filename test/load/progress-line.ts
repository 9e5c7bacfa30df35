import type { WriteStream } from 'node:tty';
import { formatCount } from './report/format.ts';
import type { Progress } from './run.ts';

/** Writes each progress as one line: over the last one on a terminal, below it in a log, and there only when it says more. */
export function formatProgress(out: Pick<WriteStream, 'write' | 'isTTY'>): (progress: Progress) => void {
  let last = '';
  return (progress) => {
    const line = toLine(progress);
    if (line === last) return;
    last = line;
    out.write(out.isTTY ? `\r\u001B[K${line}` : `${line}\n`);
  };
}

function toLine(progress: Progress): string {
  if (progress.phase === 'connecting') {
    return `connecting browsers: ${formatCount(progress.connected)} of ${formatCount(progress.of)}`;
  }
  const { phase, seconds, sent, received } = progress;
  return `${seconds.toFixed(0).padStart(4)} s  ${phase}  sent ${formatCount(sent)}  arrived ${formatCount(received)}`;
}

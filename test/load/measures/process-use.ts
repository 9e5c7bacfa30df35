import { readdir, readFile } from 'node:fs/promises';
import { parseExposition, sumOf } from './exposition.ts';

/** A process whose use of the machine is read: by its id on this machine, or by its own `/metrics`. */
export type Watched = { readonly name: string } & ({ readonly pid: number } | { readonly metricsUrl: string });

export interface ProcessUse {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** `undefined` when it cannot be read: no `/proc` on this machine, or the process is gone. */
export async function readProcessUse(watched: Watched): Promise<ProcessUse | undefined> {
  try {
    const use = 'pid' in watched ? await readProc(watched.pid) : await readOwnMetrics(watched.metricsUrl);
    return { name: watched.name, ...use };
  } catch {
    return undefined;
  }
}

async function readProc(pid: number): Promise<Omit<ProcessUse, 'name'>> {
  const threads = await readdir(`/proc/${pid}/task`);
  const nanos = await Promise.all(
    threads.map(async (thread) => {
      // The clock ticks of `stat` are 10 ms; this is exact, and a thread may end meanwhile.
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      return Number(text.split(' ')[0]);
    }),
  );
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKiB = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { cpuSeconds: nanos.reduce((sum, value) => sum + value, 0) / 1e9, residentBytes: residentKiB * 1024 };
}

async function readOwnMetrics(url: string): Promise<Omit<ProcessUse, 'name'>> {
  const samples = parseExposition(await (await fetch(url)).text());
  return {
    cpuSeconds: sumOf(samples, 'process_cpu_seconds_total'),
    residentBytes: sumOf(samples, 'process_resident_memory_bytes'),
  };
}

import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ProcessName } from '../../deploy/local/process-specs.ts';
import type { System } from '../harness/system.ts';

/** Blocks for 45 of each 47 ms, so that the process still answers, slowly. */
const KEEP_BUSY = `globalThis.keepBusy = setInterval(() => {
  const end = performance.now() + 45;
  while (performance.now() < end);
}, 2)`;

/** Keeps the event loop of a running service busy until disposed of, through the inspector of its process. */
export async function keepLoopBusy(system: System, name: ProcessName): Promise<AsyncDisposable> {
  const lines = await system.logs(name);
  const url = lines.map((line) => /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(line)?.[0]).findLast((found) => found);
  if (url === undefined) throw new Error(`${name} has no inspector`);
  const inspector = new WebSocket(url);
  await once(inspector, 'open');
  const evaluate = async (expression: string) => {
    inspector.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
    await once(inspector, 'message');
  };
  await evaluate(KEEP_BUSY);
  return {
    async [Symbol.asyncDispose]() {
      await evaluate('clearInterval(globalThis.keepBusy)');
      inspector.close();
    },
  };
}
